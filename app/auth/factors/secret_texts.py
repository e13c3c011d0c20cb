"""What guides, templates and examples print where a secret belongs, and texts that everybody knows by heart."""

from __future__ import annotations

from typing import Final

#: Words of which placeholders are made, in whatever order, with those of a few languages.
VOCABULARY: Final = frozenset(
    """
    1024 123 1234 12345 123456 1234567 12345678 123456789 1234567890 128 16 2020 2021 2022 2023 2024 2025 2026
    24 256 32 48 50 512 64 a abc abcd access account actual add admin administrator aendern alg algorithm
    alterar an and andern any anything api app application are as at auth authentication authorization aws azure
    backend bar base64 basic baz bcrypt be bearer been before being best better bit bits bitte by byte bytes
    bytesecret cambiar can change changed changeit changeme changethis char character characters chars chave
    chiave class clave cle client cloud clé code complex complicated compose confidential config configuration
    connection contrasena contraseña cookie cors could credential credentials crypt crypto cryptographic csrf
    custom data database db debug default dein deine demo deploy deployed deployment dev devel developer
    development devops digest digits django do docker does don dont dotenv dummy ecdsa eddsa edit encode encoded
    encrypt encrypted encryption ensure enter entropy env environment esta ever example examples express fake
    fallback fastapi favor file fill first flag flask foo foobar for from frontend geheim geheime geheimer
    geheimes geheimnis generate generated generation generator github gitlab go goes google got guess guessable
    hard has hash hashed hashing have hello here hex hidden hier hmac how hs256 hs384 hs512 http https hundred i
    id if in in123 init insecure insert instance integration internal into is ist it its java javascript jose js
    json jsonwebtoken just jwt jwts keep key keyhere keyphrase keys lang langer laravel least length let letters
    like llave local localhost login logins long longer longest lorem ma made main make master may me mein meine
    mi mia minha minimum mock modify module mon mongo more motdepasse mude muito must muy my mysecret
    mysecretkey mysql mysupersecret mysupersecretkey myverysecret name nest nestjs never new next nextauth nginx
    nicht no nobody node nodejs not number numbers oauth obviously of on one only openid openssl or other our
    out override own owner pass passe passphrase passwd password passwords passwort pepper php phrase phrases
    placeholder please por postgres postgresql powerful pre prefix private prod product production project
    public put pwd py python quick qux rails rand random randomly react real really redis refresh remember
    replace replaced replaceme request require required reset rest root rs256 ruby safe safely salt sample
    scheme schluessel schlüssel script secret secreta secretkey secreto secrets secretsecret secrète secure
    secured securely security seed segredo segreta segreto segura seguro sehr senha sensitive server serverless
    service session sessions set sha sha1 sha256 sha512 shall share shared shh shhh should sicher sicherer sign
    signature signed signing simple site sleutel so some somebody someone something spring springboot sql sqlite
    ssl stage staging starlette start starter store stored string strings strong stronger strongest sua
    sufficient sufficiently super supersafe supersecret supersecretkey supersecure symbols symmetric system task
    temp template temporary test tested tester testing tests text than that the their them then there these they
    thing this those three time tls tmp to todo token tokens tokensecret too top topsecret tres très tutorial
    two type ultra unguessable unhackable unique unpredictable unsafe unsecure until up update us use used user
    username users using uuid value variable vault verify very verysecret verysecure vue wachtwoord want warning
    we web webapp website webtoken well what whatever when where which who will with without wow write xxx xxxx
    yaml yml you your yours yoursecret yoursecretkey zero ändern ключ пароль секрет секретный 密钥 秘密
    """.split()  # noqa: SIM905 - a list of that many quoted words reads worse
)

#: Whole values that no estimate would find, since they look random.
PHRASES: Final = frozenset(
    {
        # The symmetric keys in RFC 7515 appendix A.1 and RFC 7520 section 3.5.
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
        # Of guides to Flask, to FastAPI and to Spring.
        "A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970",
        "GQDstcKsx0NHjPOuXOYg5MbeJ1XT0uFiwDVvVBrk",
        # The empty text, hashed.
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    }
)

_ROWS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "1234567890",
    "0123456789abcdef0123456789abcdef",
    "1234567890abcdef",
    "9876543210fedcba",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "`1234567890-=",
    "~!@#$%^&*()_+",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/-['=]",
    "zaq12wsxcde34rfvbgt56yhnmju78ik,.lo90p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!qaz@wsx#edc$rfv%tgb^yhn&ujm*ik<(ol>)p:?",
    "q1w2e3r4t5y6u7i8o9p0",
    "1q2w3e4r5t6y7u8i9o0p",
    "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6q7r8s9t0u1v2w3x4y5z6",
    "1a2b3c4d5e6f7g8h9i0j1k2l3m4n5o6p7q8r9s0t1u2v3w4x5y6z",
    "00112233445566778899aabbccddeeff",
    "aabbccddeeffgghhiijjkkllmmnnooppqqrrssttuuvvwwxxyyzz",
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f",
    "0102030405060708091011121314151617181920212223242526272829303132",
    "deadbeefcafebabefeedfacebaadf00d8badf00ddecafbad0badc0de",
    "31415926535897932384626433832795028841971693993751",
    "27182818284590452353602874713526624977572470936999",
    "14142135623730950488016887242096980785696718753769",
    "112358132134558914423337761098715972584418167651",
    "1234567891011121314151617181920212223242526272829303132333435363738394041424344454647484950",
    "2357111317192329313741434753596167717379838997",
    "248163264128256512102420484096819216384327686553",
)
#: A generator of keys on the web makes nothing but windows of rows like these.
_WHEELS: Final = (
    "2r5u8x/a?d(g+kbpdsgvkyp3s6v9y$b&e)h@mcqfthwmzq4t7w!z%c*f-jandrgukxn2r5u8x/a?d(g-kapdsgvkyp3s6v9y$b&e)h@mbqeth"
    "wmzq4t7w!z%c*f-j@ncrfujxn2r5u8x/a?d(g+kbpeshvmyq3t6w9z$c&f)j@ncrftjwnzr4u7x!a%d*g-kapdsgukxp2s5v8y/b?e(h+mbqesh"
    "vmyq3t6w9z$c&f)j@ncrfujwnzr4u7x!a%d*g-kapdrgukxp2s5v8y/b?e(h+mbqethwmyq3t6w9z$c&f)h@mcqfujxn2r4u7x!a%d*g-kaqe"
)
_SENTENCES: Final = (
    "the quick brown fox jumps over the lazy dog",
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore",
    "to be or not to be that is the question",
    "correct horse battery staple",
    "may the force be with you",
    "all your base are belong to us",
    "in the beginning god created the heaven and the earth",
    "it was the best of times it was the worst of times",
    "once upon a time in a galaxy far far away",
    "the answer to life the universe and everything is 42",
    "never gonna give you up never gonna let you down",
    "one ring to rule them all one ring to find them",
    "i am your father", "winter is coming", "open sesame", "live long and prosper", "elementary my dear watson",
    "keyboard cat", "my precious", "my hovercraft is full of eels", "hello world", "trust no one",
    "shhh its a secret", "do not tell anyone", "nobody expects the spanish inquisition", "a long time ago",
)  # fmt: skip


def _book() -> str:
    rows = [*(phrase.lower() for phrase in PHRASES), *_ROWS, *(row[::-1] for row in _ROWS), _WHEELS, *_SENTENCES]
    joined = [sentence.replace(" ", sign) for sentence in _SENTENCES for sign in ("", "-", "_")]
    return "\n".join([*rows, *joined])


#: All of these texts, in small letters, one a line.
BOOK: Final = _book()
