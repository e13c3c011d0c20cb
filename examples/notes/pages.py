"""The pages, at `/notes`. All of them need a login, except the one that is marked `@public`."""

from __future__ import annotations

from flask import Blueprint, abort, flash, render_template, url_for
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms import TextAreaField

from app.auth.policy import public, require
from app.web.context import current_principal, wait
from app.web.forms import show_at
from app.web.redirects import see_other
from examples.notes.notebook import MAX_LENGTH, MAX_NOTES, Notebook, NoteRefused


class NoteForm(FlaskForm):  # type: ignore[misc]
    """A new note. The notebook decides what is acceptable, for the API too."""

    text = TextAreaField("New note")


def create_blueprint(notebook: Notebook) -> Blueprint:
    """The pages over `notebook`."""
    blueprint = Blueprint(
        "notes", __name__, url_prefix="/notes", template_folder="templates", static_folder="static"
    )

    @blueprint.route("", methods=["GET", "POST"])
    def index() -> Response | str | tuple[str, int]:
        """One's own notes, and a form for another."""
        form = NoteForm()
        if form.validate_on_submit():
            try:
                wait(notebook.add(current_principal.user_id, form.text.data or ""))
            except NoteRefused as error:
                show_at(form.text, str(error))
            else:
                flash("Your note was saved.", "success")
                return see_other(url_for("notes.index"))
        notes = wait(notebook.of(current_principal.user_id))
        page = render_template("notes/index.html", form=form, notes=notes, max_length=MAX_LENGTH)
        return page, 422 if form.is_submitted() else 200

    @blueprint.post("/<note_id>/delete")
    def delete(note_id: str) -> Response:
        """Deletes one's own note; nobody else's can be reached."""
        if not wait(notebook.delete(current_principal.user_id, note_id)):
            abort(404)
        flash("The note was deleted.", "success")
        return see_other(url_for("notes.index"))

    @blueprint.get("/count")
    @require(role="admin")
    def count() -> str:
        """How many notes there are."""
        return render_template("notes/count.html", total=wait(notebook.count()))

    @blueprint.get("/about")
    @public
    def about() -> str:
        """What this is, for everybody."""
        return render_template("notes/about.html", max_notes=MAX_NOTES, max_length=MAX_LENGTH)

    return blueprint
