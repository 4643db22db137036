"""`plugins`: every role's plugins, building no model."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command()
@click.option("--plugin", "extra", multiple=True, metavar="MODULE_OR_FILE", help="Load it too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def plugins(extra: tuple[str, ...], as_json: bool, debug: bool) -> None:
    """List every role's plugins with version, origin and options, and the commands they add."""
    from clapbatch.registry import Registry, describe_options
    from clapbatch.roles import ROLES

    registry = Registry(extra)
    rows: list[dict[str, Any]] = [
        {
            "role": role.role,
            "name": spec.name,
            "version": spec.version,
            "origin": registry.origin(spec),
            "summary": spec.summary,
            "options": [
                {"name": name, "default": default, "help": help}
                for name, default, help in describe_options(spec)
            ],
        }
        for role in ROLES
        for spec in registry.specs(role)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    added = click.Group()
    registry.add_commands(added)
    role = None
    for row in rows:
        if row["role"] != role:
            role = row["role"]
            click.secho(f"{role}s", bold=True)
        click.echo(f"  {row['name']} {row['version']}  {row['summary']}  ({row['origin']})")
        for option in row["options"]:
            name = f"-o {role}.{option['name']}={option['default']}"
            click.echo(f"      {name}  {option['help']}")
    if added.commands:
        click.secho("commands", bold=True)
    for name, command in sorted(added.commands.items()):
        click.echo(f"  {name}  {command.get_short_help_str()}")
