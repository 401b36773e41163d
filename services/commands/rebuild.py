"""`saraban rebuild`: REGISTER again from MAIL and ORDERS, held against what was signed; what is missing put back."""

from typing import Annotated

import typer

from services.commands.errors import CommandError
from services.commands.place import ConfigOption, StateOption, connected, find, run
from services.commands.terminal import OUT, clean
from services.rebuild import rebuild as rebuilding
from services.rebuild.report import Report
from services.runtime.errors import BusError
from services.runtime.settings import Settings

REFUSED, UNPROVEN = 1, 3

app = typer.Typer()


@app.command()
def rebuild(
    apply: Annotated[
        bool, typer.Option("--apply/--check", help="Write what is missing; the register must be stopped.")
    ] = False,
    state: StateOption = None,
    config: ConfigOption = None,
) -> int:
    """Make REGISTER again from MAIL and ORDERS; compare it with the one there is, the receipts and the signed heads.

    Exit code 0: it is equal (or, with --apply, has been made equal); 1: it is not, and the sentence says where; nothing
    is written then; 3: a stream could not be read.
    """
    found = run(_rebuild(find(state, config), apply=apply))
    for problem in found.problems:
        OUT.print(clean(problem), style="red", markup=False)
    counts = ((found.rows, "row"), (found.notices, "notice"), (found.heads, "signed head"))
    words = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counts)
    if found.problems:
        OUT.print(f"REGISTER does not equal what is left: {words} were equal up to there. Nothing was written.")
    elif not found.additions:
        OUT.print(f"REGISTER equals MAIL, ORDERS and the signed heads: {words}")
    else:
        done = "written back" if apply else "missing in REGISTER (`--apply` writes them back)"
        OUT.print(f"{words} are equal; {done}: {found.restored} rows by the octets in their receipts", end="")
        OUT.print(f", {found.carried_again} of orders" if found.carried_again else "", end="")
        OUT.print(f", {found.numbered_again} by the rules alone" if found.numbered_again else "")
    for count, what in (
        (found.erased, "of erased letters"),
        (found.other_calendars, "of another calendar than today's"),
    ):
        if count:
            OUT.print(f"  {count} rows {what} were taken as they are")
    return REFUSED if found.problems or (found.additions and not apply) else 0


async def _rebuild(settings: Settings, *, apply: bool) -> Report:
    try:
        async with connected(settings, "audit") as reader:
            if not apply:
                return await rebuilding.rebuild(reader)
            async with (
                connected(settings, "register") as register,
                connected(settings, "retention") as retention,
                rebuilding.alone(register),
            ):
                found = await rebuilding.rebuild(reader)
                if not found.problems:
                    await rebuilding.write(register, retention, found)
                return found
    except rebuilding.RunningError as error:
        raise CommandError(str(error)) from error
    except BusError as error:
        raise CommandError(f"nothing is proven: {error}", UNPROVEN) from error
