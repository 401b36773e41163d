"""The words of `saraban` as one application. Only the file of the word that was typed is imported."""

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated

import typer

from services.commands.errors import CommandError
from services.commands.terminal import complain
from services.runtime.config import ConfigError
from services.runtime.errors import BusError
from services.runtime.version import version

INTERRUPTED = 130
SERVICES = ("ingest", "sign", "notify", "provision")
"""Words that share a file: they differ in the service they run."""


def run_application(lines: Mapping[str, str]) -> int:
    """Run what was typed; whatever goes wrong in a way we know becomes one line and an exit code.

    `lines` is each word with its line in the help.
    """
    application = typer.Typer(
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    application.callback()(_saraban)
    typed = {*sys.argv[1:], *os.environ.get("COMP_WORDS", "").split()}
    for word, line in lines.items():
        if word in typed:
            _add(application, word, line)
        else:
            application.command(word, help=line)(_elsewhere)
    try:
        result = application(prog_name="saraban", standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message()
        if message.strip():  # without a word to say, the help was shown
            complain(f"{message} (--help says what there is)")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except CommandError as error:
        complain(str(error))
        return error.code
    except ConfigError as error:
        complain(str(error))
        return 2
    except BusError as error:
        complain(f"NATS: {error}")
        return 1
    except BrokenPipeError:
        # Whoever read us has had enough: `saraban register list | head`. Nothing may be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return result if isinstance(result, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"saraban {version()}\n")
        raise typer.Exit


def _saraban(
    *,
    shown: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Receives official letters by mail, gives each its legal time and its register number, and answers with a receipt that can be checked.

    Start here: [bold]saraban up[/bold], then in another terminal [bold]saraban send letter.pdf[/bold].
    """  # noqa: E501 - the text of --help, which wraps it


def _add(application: typer.Typer, word: str, line: str) -> None:
    """Add a word: its file's `app`, or that app's only command."""
    module = import_module(f"services.commands.{'service' if word in SERVICES else word}")
    if word in SERVICES:
        application.command(word, help=line)(module.command(word))
        return
    app: typer.Typer = module.app
    if len(app.registered_commands) == 1 and not app.registered_groups and app.registered_callback is None:
        application.command(word)(app.registered_commands[0].callback)  # type: ignore[type-var]  # one that was registered
    else:
        application.add_typer(app, name=word)


def _elsewhere() -> None:
    """Stands for a word that was not typed; the help shows its line."""
