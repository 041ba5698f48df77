"""Trust: how clients come to believe this installation's certificate."""

import click

from tocsin.cli.ending import Ended, Exit
from tocsin.cli.frame import Frame, Word


@click.command("trust", cls=Word)
@click.option("--file", "only_file", is_flag=True, help="Print only where the authority's certificate is.")
def trust(frame: Frame, *, only_file: bool) -> None:
    """Say where the authority's certificate is and how each kind of client trusts it."""
    from tocsin.wire.certificates import fingerprint
    from tocsin.wire.trust import trust_text

    config = frame.config()
    if config.tls == "off" or config.tls_certificate is not None:
        raise Ended(Exit.NOT_FOUND, "This installation has no authority of its own: there is nothing to trust.")
    authority = config.tls_dir / "authority.crt"
    if not authority.exists():
        raise Ended(Exit.NOT_FOUND, f"There is no {authority} yet: the first start of the program makes it.")
    if only_file:
        click.echo(authority)
    elif frame.screen.for_programs:
        found = {"file": str(authority), "sha256": fingerprint(authority), "url": config.public_url}
        frame.screen.data(found)
    else:
        frame.screen.say(trust_text(authority, fingerprint(authority), config.public_url))


COMMAND = trust
