"""The pages, at `/shelf`, on a blueprint that the whole process shares."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import PurePath

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    g,
    redirect,
    render_template,
    request,
    send_from_directory,
    stream_with_context,
    url_for,
)
from werkzeug.exceptions import HTTPException
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response

from app.auth.policy import public
from app.web.context import optional_principal
from tests.teams.shelf.database import folder, get_db

blueprint = Blueprint("shelf", __name__, url_prefix="/shelf", template_folder="templates")


class OutOfPaper(Exception):
    """There is nothing to print on."""


@blueprint.before_app_request
def load_reader() -> None:
    """Who reads, on every page of the site, as the team's own views and templates know them."""
    g.user = None
    principal = optional_principal()
    if principal is not None and request.path.startswith("/shelf"):
        db = get_db()
        with db:
            db.execute(
                "INSERT INTO readers (id, seen) VALUES (?, 1) ON CONFLICT DO UPDATE SET seen = seen + 1",
                (principal.user_id,),
            )
        g.user = db.execute("SELECT * FROM readers WHERE id = ?", (principal.user_id,)).fetchone()


@blueprint.app_context_processor
def library() -> dict[str, str]:
    """What the team's templates call the place."""
    return {"shelf_name": "The long shelf"}


@blueprint.app_template_filter("shouted")
def shouted(text: str) -> str:
    """The text in capitals."""
    return text.upper()


@blueprint.errorhandler(404)
def nothing_here(error: HTTPException) -> tuple[str, int]:
    """The team's own page for what is not on the shelf."""
    return render_template("shelf/nothing.html", why=error.description), 404


@blueprint.errorhandler(OutOfPaper)
def out_of_paper(error: OutOfPaper) -> tuple[str, int]:
    """The team's own page for its own exception."""
    return render_template("shelf/nothing.html", why="There is no paper left"), 503


@blueprint.get("/")
def index() -> str:
    """Everything, with how often the reader was here."""
    documents = get_db().execute("SELECT id, title FROM documents ORDER BY id").fetchall()
    return render_template("shelf/index.html", documents=documents)


@blueprint.route("/new", methods=("GET", "POST"))
def new() -> str | Response:
    """Puts a document on the shelf."""
    if request.method == "POST":
        file = request.files["file"]
        name = secure_filename(PurePath(file.filename or "").name)
        if not name:
            flash("A file is required.")
            return render_template("shelf/new.html")
        file.save(folder() / name)
        with get_db() as db:
            db.execute(
                "INSERT INTO documents (title, by, file) VALUES (?, ?, ?)",
                (request.form["title"], g.user["id"], name),
            )
        return redirect(url_for("shelf.index"))
    return render_template("shelf/new.html")


@blueprint.get("/<int:number>/file")
def file(number: int) -> Response:
    """The document itself, or the part of it that a reader asks for."""
    row = get_db().execute("SELECT file FROM documents WHERE id = ?", (number,)).fetchone()
    if row is None:
        abort(404, description=f"There is no document {number}")
    return send_from_directory(folder(), row["file"], as_attachment=True)


@blueprint.get("/all.csv")
def export() -> Response:
    """All documents, row by row as they come out of the database."""

    def rows() -> Iterator[str]:
        line = io.StringIO()
        writer = csv.writer(line)
        for row in get_db().execute("SELECT id, title FROM documents ORDER BY id"):
            writer.writerow(row)
            yield line.getvalue()
            line.seek(0)
            line.truncate()

    return current_app.response_class(stream_with_context(rows()), mimetype="text/csv")


@blueprint.get("/print")
@public
def print_() -> str:
    """Fails, in the team's own way."""
    raise OutOfPaper
