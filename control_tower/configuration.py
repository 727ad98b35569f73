"""The files of a package: a new configuration, or the part of an existing one that changes."""

import os
import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from control_tower.aws import region_violation
from control_tower.build_stage import checked_paths
from control_tower.errors import PackagingError
from control_tower.manifest import FORWARDER, MAIN, MAIN_REGION, Manifest
from control_tower.merge import merge
from control_tower.template import Template
from control_tower.violations import file_violations, find_violations, format_violations

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "template.yaml"
FORWARDER_TEMPLATE = ROOT / "control_tower" / "home_region.yaml"

_TITLE = "Alternate Contacts for AWS"
"""The beginning of the Description of both templates."""


@cache
def read_templates() -> dict[str, Template]:
    """Return our templates by the name of the resource that deploys them."""
    return {MAIN: Template.read(TEMPLATE), FORWARDER: Template.read(FORWARDER_TEMPLATE)}


@dataclass(frozen=True)
class Configuration:
    """A manifest whose account ID may still be the placeholder, and what the user should know about it."""

    manifest: Manifest
    notes: Sequence[str] = ()

    @property
    def paths(self) -> set[str]:
        """The paths of the package's files."""
        return {"manifest.yaml", *(self.manifest.path(name) for name in (MAIN, FORWARDER) if self.manifest.path(name))}

    def has(self, path: str) -> bool:
        """Whether the package has a file."""
        return path in self.paths or posixpath.normpath(path) in self.paths

    def files(self, template: str) -> dict[str, str]:
        """Return the content of the package's files by their path.

        Args:
            template: template.yaml as `sam package` wrote it.
        """
        files = {"manifest.yaml": self.manifest.text, self.manifest.path(MAIN): template}
        if self.manifest.path(FORWARDER):
            files[self.manifest.path(FORWARDER)] = FORWARDER_TEMPLATE.read_text(encoding="utf-8")
        return files


def new_configuration(source: Path, home_region: str | None = None) -> Configuration:
    """Return a configuration with our resources only.

    Args:
        source: this repository's manifest.yaml, or an edited copy of it.
        home_region: Control Tower's, if it differs from the one in the manifest.

    Raises:
        PackagingError: the manifest violates a rule of CfCT or of a template.
    """
    templates = read_templates()
    with _messages_about(source):
        manifest = _read(source)
        if home_region:
            manifest = manifest.with_home_region(home_region)
        _check_region(manifest)
        if manifest.home_region != MAIN_REGION:
            manifest = manifest.with_forwarder(templates[FORWARDER])
        configuration = Configuration(manifest)
        unreadable, missing = file_violations(manifest, configuration.has)
        violations = [*find_violations(manifest, templates), *unreadable]
        if not violations:
            violations = [f"{message} Use MERGE to add our resources to a configuration." for message in missing]
        if manifest.document.data.get("enable_stack_set_deletion"):
            violations.append(
                "Remove enable_stack_set_deletion. The package replaces the whole configuration, and CfCT would delete "
                "every StackSet of other resources."
            )
        _raise_any(violations)
    return configuration


def merged_configuration(source: Path, target: Path, home_region: str | None = None) -> Configuration:
    """Return the changed part of an existing configuration.

    Args:
        source: this repository's manifest.yaml, or an edited copy of it.
        target: the manifest of the configuration.
        home_region: Control Tower's, only to be sure that it is the one in the manifest.

    Raises:
        PackagingError: a manifest violates a rule of CfCT or of a template, or does not allow the edits.
    """
    templates = read_templates()
    with _messages_about(source):
        ours = _read(source)
        _raise_any(find_violations(ours, templates, placeholders=True))
    with _messages_about(target):
        existing = _read(target)
        _check_region(existing)
        if home_region and home_region != existing.home_region:
            raise PackagingError(f"The home region is {existing.home_region}, not {home_region}.")
        manifest, notes = merge(ours, existing, templates)
        configuration = Configuration(manifest, notes)
        unreadable, missing = file_violations(
            manifest, lambda path: configuration.has(path) or _is_file(target.parent, path)
        )
        violations = [
            *find_violations(manifest, templates),
            *unreadable,
            *_replaced_files(configuration, target.parent),
        ]
        others = {path.lstrip("/") for _, path in checked_paths(manifest.text)} - configuration.paths
        if missing and not any(os.path.exists(target.parent / path.partition("/")[0]) for path in others):  # noqa: PTH110
            # The manifest is a copy, and its configuration is elsewhere.
            notes = [*notes, f"Not checked: the files of other resources. {target.parent} has none of them."]
        elif not violations:
            violations = missing
        _raise_any(violations)
    return replace(configuration, notes=notes)


def _read(path: Path) -> Manifest:
    try:
        text = path.read_bytes().decode()  # bytes, so that line breaks are written as they were
    except OSError as error:
        raise PackagingError(f"Reading the manifest failed: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise PackagingError("Reading the manifest failed: it is not encoded in UTF-8.") from None
    manifest = Manifest.parse(text)
    _raise_any(format_violations(manifest))
    return manifest


def _check_region(manifest: Manifest) -> None:
    violation = region_violation(manifest.home_region)
    _raise_any([violation] if violation else [])


def _replaced_files(configuration: Configuration, folder: Path) -> Iterator[str]:
    """Yield a message for each file in a folder that a template of ours would replace, and that is not ours."""
    for path in sorted(configuration.paths - {"manifest.yaml"}):
        try:
            is_ours = _TITLE in (folder / path).read_text(encoding="utf-8")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError):
            is_ours = False
        if not is_ours:
            yield f"The package would replace the file {path}. Give our resource another resource_file."


def _is_file(folder: Path, path: str) -> bool:
    return os.path.isfile(folder / path.lstrip("/"))  # noqa: PTH113 # False, not an error, for an impossible name


def _raise_any(violations: Sequence[str]) -> None:
    if violations:
        raise PackagingError(*violations)


@contextmanager
def _messages_about(path: Path) -> Iterator[None]:
    """Put the path of a file before the messages of an error."""
    try:
        yield
    except PackagingError as error:
        raise PackagingError(*(f"{path}: {message}" for message in error.messages)) from None
