"""The files that are signed, and what may honestly or dishonestly be done to a file after it was signed."""

import io
from collections.abc import Callable
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from tests.pdf_corpus.making import texts

LINES = ("Order 12/2569", "Pay the sum of 10,000 baht to the bearer", "Signed below")

# pyHanko's object types are untyped
Dictionary: Any = generic.DictionaryObject
Array: Any = generic.ArrayObject
Integer: Any = generic.NumberObject
Name: Any = pdf_name
Text: Any = pdf_string
Stream: Any = generic.StreamObject


def plain(lines: tuple[str, ...] = LINES, *, xref_streams: bool = False, form: bool = False) -> bytes:
    """A page with text; with `form`, two text fields to fill in."""
    writer: Any = PdfFileWriter(stream_xrefs=xref_streams)  # type: ignore[no-untyped-call]  # the same
    font = writer.add_object(
        Dictionary(
            {Name("/Type"): Name("/Font"), Name("/Subtype"): Name("/Type1"), Name("/BaseFont"): Name("/Helvetica")}
        )
    )
    resources = Dictionary({Name("/Font"): Dictionary({Name("/F1"): font})})
    content = writer.add_object(Stream(stream_data=texts(lines)))
    page = PageObject(contents=content, media_box=(0, 0, 595, 842), resources=resources)  # type: ignore[no-untyped-call]
    placed = writer.insert_page(page)
    if form:
        fields = Array(
            [writer.add_object(_text_field(name, at, placed)) for name, at in (("Reply", 500), ("Note", 450))]
        )
        placed.get_object()["/Annots"] = fields
        writer.root["/AcroForm"] = Dictionary(
            {Name("/Fields"): Array(list(fields)), Name("/DR"): resources, Name("/DA"): Text("/F1 12 Tf 0 g")}
        )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def update(pdf: bytes, change: Callable[[Any], None]) -> bytes:
    """The file with one more revision."""
    writer: Any = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def page_of(writer: Any) -> Any:
    return writer.root["/Pages"]["/Kids"][0]


def touch_page(writer: Any) -> Any:
    """The first page, to be written anew."""
    kids = writer.root["/Pages"]["/Kids"]
    writer.mark_update(kids.raw_get(0))
    return kids[0]


def replace_text(writer: Any) -> None:
    """Other words on the page."""
    content = page_of(writer).raw_get("/Contents")
    content.get_object()._data = texts(("Order 12/2569", "Pay the sum of 990,000 baht to Mallory", "Signed below"))
    content.get_object()._encoded_data = None
    writer.mark_update(content)


def add_content(writer: Any) -> None:
    """More words, in a content stream of their own."""
    page = touch_page(writer)
    more = writer.add_object(Stream(stream_data=texts(("", "", "", "and 980,000 more"))))
    page["/Contents"] = Array([page.raw_get("/Contents"), more])


def rotate(writer: Any) -> None:
    touch_page(writer)["/Rotate"] = Integer(90)


def crop(writer: Any) -> None:
    touch_page(writer)["/MediaBox"] = Array([Integer(0), Integer(0), Integer(595), Integer(300)])


def add_page(writer: Any) -> None:
    content = writer.add_object(Stream(stream_data=texts(("Another page",))))
    page: Any = PageObject(contents=content, media_box=(0, 0, 595, 842))  # type: ignore[no-untyped-call]
    writer.insert_page(page)


def swap_pages(writer: Any) -> None:
    """Shadow, replace: the catalogue names another page tree."""
    content = writer.add_object(Stream(stream_data=texts(("Pay Mallory",))))
    page = Dictionary({Name("/Type"): Name("/Page"), Name("/Contents"): content})
    page["/MediaBox"] = Array([Integer(0), Integer(0), Integer(595), Integer(842)])
    reference = writer.add_object(page)
    tree = writer.add_object(
        Dictionary({Name("/Type"): Name("/Pages"), Name("/Count"): Integer(1), Name("/Kids"): Array([reference])})
    )
    page["/Parent"] = tree
    writer.root["/Pages"] = tree
    writer.update_root()


def new_font(writer: Any) -> None:
    """Shadow, replace: the letters look otherwise, though the text is the same."""
    font = page_of(writer)["/Resources"]["/Font"].raw_get("/F1")
    font.get_object()["/BaseFont"] = Name("/Symbol")
    writer.mark_update(font)


def annotate(kind: str) -> Callable[[Any], None]:
    """An annotation on the page: a comment, or something that hides what is below."""

    def change(writer: Any) -> None:
        page = touch_page(writer)
        note = Dictionary({Name("/Type"): Name("/Annot"), Name("/Subtype"): Name(kind), Name("/F"): Integer(4)})
        note["/Rect"] = Array([Integer(n) for n in (70, 690, 400, 740)])
        note["/Contents"] = Text("see me")
        if kind != "/Text":
            look = Stream(stream_data=b"1 1 1 rg 0 0 330 50 re f")
            look["/Type"], look["/Subtype"] = Name("/XObject"), Name("/Form")
            look["/BBox"] = Array([Integer(n) for n in (0, 0, 330, 50)])
            note["/AP"] = Dictionary({Name("/N"): writer.add_object(look)})
        page["/Annots"] = Array([*page.get("/Annots", []), writer.add_object(note)])

    return change


def fill(name: str, value: str) -> Callable[[Any], None]:
    """A value in a field of the form, as a viewer writes it."""

    def change(writer: Any) -> None:
        for reference in writer.root["/AcroForm"]["/Fields"]:
            field = reference.get_object()
            if field.get("/T") == name:
                field["/V"] = Text(value)
                field["/AP"] = Dictionary({Name("/N"): writer.add_object(_look(value))})
                writer.mark_update(field.container_ref)

    return change


def script(writer: Any) -> None:
    """A program that runs when the file is opened."""
    action = Dictionary({Name("/S"): Name("/JavaScript"), Name("/JS"): Text("app.alert('hello');")})
    writer.root["/OpenAction"] = writer.add_object(action)
    writer.update_root()


def attach(writer: Any) -> None:
    """A file inside the file."""
    inner = Stream(stream_data=b"MZ")
    inner["/Type"] = Name("/EmbeddedFile")
    spec = Dictionary({Name("/Type"): Name("/Filespec"), Name("/F"): Text("run.exe")})
    spec["/EF"] = Dictionary({Name("/F"): writer.add_object(inner)})
    names = Dictionary({Name("/Names"): Array([Text("run.exe"), writer.add_object(spec)])})
    writer.root["/Names"] = Dictionary({Name("/EmbeddedFiles"): names})
    writer.update_root()


def hide_layer(writer: Any) -> None:
    """Shadow, hide: what was drawn on a layer is no longer shown."""
    layer = writer.add_object(Dictionary({Name("/Type"): Name("/OCG"), Name("/Name"): Text("x")}))
    off = Dictionary({Name("/OFF"): Array([layer]), Name("/Order"): Array([])})
    writer.root["/OCProperties"] = Dictionary({Name("/OCGs"): Array([layer]), Name("/D"): off})
    page = touch_page(writer)
    page["/Resources"]["/Properties"] = Dictionary({Name("/L"): layer})
    writer.update_root()


def describe(writer: Any) -> None:
    """Only the document's description: title and program."""
    writer.set_info(Dictionary({Name("/Title"): Text("another title")}))


def drop_form(writer: Any) -> None:
    """Signature exclusion: the form, with its signatures, is gone."""
    del writer.root["/AcroForm"]
    writer.update_root()


def drop_permissions(writer: Any) -> None:
    """The catalogue no longer says which signature certifies the file."""
    writer.root.pop("/Perms")
    writer.update_root()


def empty_field(writer: Any) -> None:
    """The signature field is there, without its signature."""
    fields = writer.root["/AcroForm"]["/Fields"]
    fields[0].pop("/V")
    writer.mark_update(fields.raw_get(0))


def hide_page(writer: Any) -> None:
    """Shadow, hide and replace, first step: another page that nothing shows (the catalogue keeps its place)."""
    page = Dictionary(dict(page_of(writer)))
    page[Name("/Contents")] = writer.add_object(Stream(stream_data=texts(("Pay Mallory",))))
    writer.root["/Hidden"] = writer.add_object(page)
    writer.update_root()


def show_hidden_page(writer: Any) -> None:
    """The second step, after signing: the page tree names the other page."""
    writer.root["/Pages"]["/Kids"] = Array([writer.root.raw_get("/Hidden")])
    writer.mark_update(writer.root.raw_get("/Pages"))


def drop_fields(writer: Any) -> None:
    """Signature exclusion: the form is there, its signature fields are not."""
    form = writer.root["/AcroForm"]
    form["/Fields"] = Array([])
    writer.update_root()
    writer.update_container(form)


def signature_entry(name: str, value: Any) -> Callable[[Any], None]:
    """Another value for an entry of the first signature's dictionary; None takes it away."""

    def change(writer: Any) -> None:
        field = next(
            each.get_object() for each in writer.root["/AcroForm"]["/Fields"] if each.get_object().get("/FT") == "/Sig"
        )
        signature = field["/V"]
        if value is None:
            signature.pop(name, None)
        else:
            signature[name] = value
        writer.mark_update(field.raw_get("/V"))

    return change


def second_field(writer: Any) -> None:
    """A second field that shows the first one's signature."""
    form = writer.root["/AcroForm"]
    first = next(each.get_object() for each in form["/Fields"] if each.get_object().get("/FT") == "/Sig")
    field = Dictionary({Name("/FT"): Name("/Sig"), Name("/T"): Text("Copy"), Name("/V"): first.raw_get("/V")})
    form["/Fields"] = Array([*form["/Fields"], writer.add_object(field)])
    writer.update_root()
    writer.update_container(form)


def _text_field(name: str, at: int, page: Any) -> Any:
    field = Dictionary({Name("/Type"): Name("/Annot"), Name("/Subtype"): Name("/Widget"), Name("/FT"): Name("/Tx")})
    field.update({Name("/T"): Text(name), Name("/F"): Integer(4), Name("/P"): page, Name("/DA"): Text("/F1 12 Tf 0 g")})
    field["/Rect"] = Array([Integer(n) for n in (72, at, 300, at + 20)])
    return field


def _look(value: str) -> Any:
    look = Stream(stream_data=f"/Tx BMC BT /F1 12 Tf 2 6 Td ({value}) Tj ET EMC".encode())
    look["/Type"], look["/Subtype"] = Name("/XObject"), Name("/Form")
    look["/BBox"] = Array([Integer(n) for n in (0, 0, 228, 20)])
    return look
