"""`make package` with a fake of AWS, up to the build."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from control_tower import package
from control_tower.aws import Aws
from control_tower.configuration import Configuration, new_configuration
from control_tower.errors import NotVerifiedError, PackagingError
from control_tower.manifest import EXAMPLE_ACCOUNT, MAIN, Manifest
from tests.template.cfct.samples import EXISTING, filled, shipped, with_values

MANAGEMENT = "012345670123"


class FakeAws(Aws):
    """An organization with a home region, and SSM parameters there; None cannot be read."""

    def __init__(self, home_region: str | None = "us-east-1", parameters: dict[str, str] | None = None) -> None:
        self._home_region = home_region
        self._parameters = parameters

    def management_account(self) -> str:
        return MANAGEMENT

    def bucket_violation(self, bucket: str) -> str | None:
        return None if bucket == "code" else f"The bucket {bucket} does not exist."

    def home_region(self, region: str) -> str | None:  # noqa: ARG002
        if self._home_region is None:
            raise NotVerifiedError("ListLandingZones failed: AccessDeniedException.")
        return self._home_region or None

    def parameter_values(self, names: Sequence[str], region: str) -> dict[str, str]:  # noqa: ARG002
        if self._parameters is None and names:
            raise NotVerifiedError("GetParameters failed: AccessDeniedException.")
        return {name: value for name, value in (self._parameters or {}).items() if name in names}


def configuration(text: str | None = None) -> Configuration:
    return Configuration(Manifest.parse(text or filled()))


def test_a_manifest_that_was_not_filled_in_fails_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, output = tmp_path / "manifest.yaml", tmp_path / "output"
    manifest.write_text(shipped().replace(EXAMPLE_ACCOUNT, "one"))
    assert package.main(["--manifest", str(manifest), "--output", str(output), "--bucket", "code"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    messages = [line.removeprefix(f"{manifest}: ") for line in printed.err.splitlines()]
    assert [message[:20] for message in messages] == ["Write the account of", "REPLACE_ME is still "]
    assert list(output.iterdir()) == []


def test_the_output_is_checked_before_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dist").write_text("a file")
    assert package.main(["--manifest", str(tmp_path / "none"), "--output", str(tmp_path / "dist" / "cfct")]) == 1
    assert "dist/cfct failed: " in capsys.readouterr().err


# ---- HOME_REGION ----------------------------------------------------------------------------------------------------


def test_an_exported_home_region_must_be_the_one_in_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    for exported in ("", "us-east-1"):
        monkeypatch.setenv("HOME_REGION", exported)
        package.check_exported_region(configuration(), None)
    monkeypatch.setenv("HOME_REGION", "eu-west-1")
    with pytest.raises(PackagingError, match=r"HOME_REGION is eu-west-1 in the environment, but .* is us-east-1"):
        package.check_exported_region(configuration(), None)


def test_a_home_region_in_the_command_is_not_compared_with_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "manifest.yaml").write_text(filled())
    monkeypatch.setenv("HOME_REGION", "eu-central-1")
    package.check_exported_region(new_configuration(tmp_path / "manifest.yaml", "eu-west-1"), "eu-west-1")


# ---- AWS ------------------------------------------------------------------------------------------------------------


def test_the_account_is_filled_in_when_nothing_is_wrong() -> None:
    checked = package.check_with_aws(configuration(), "code", FakeAws())
    assert checked.manifest.text == filled().replace(EXAMPLE_ACCOUNT, MANAGEMENT)
    assert checked.notes == []


def test_every_violation_is_reported_at_once() -> None:
    text = with_values(filled().replace(EXAMPLE_ACCOUNT, "999999999999"), {"SecurityName": '"$[alfred_ssm_/gone]"'})
    with pytest.raises(PackagingError) as error:
        package.check_with_aws(configuration(text), "other", FakeAws("eu-west-1", {}))
    assert error.value.messages == (
        f"{MAIN} is deployed to account 999999999999, but the management account of the organization is {MANAGEMENT}.",
        "The bucket other does not exist.",
        "The home region of AWS Control Tower is eu-west-1, not us-east-1.",
        f"SecurityName of {MAIN}: the SSM parameter /gone does not exist in us-east-1.",
    )


def test_an_account_that_is_an_alias_of_another_resource_is_an_error() -> None:
    anchored = EXISTING.replace("&log_archive '012345678901'", f"&log_archive '{EXAMPLE_ACCOUNT}'")
    ours = filled().partition("resources:\n")[2].replace(f'"{EXAMPLE_ACCOUNT}"', "*log_archive")
    text = anchored + "".join(line.removeprefix("  ") for line in ours.splitlines(keepends=True))
    with pytest.raises(PackagingError, match="without an alias"):
        package.check_with_aws(configuration(text), None, FakeAws("eu-central-1"))


@pytest.mark.parametrize(
    ("home_region", "note"),
    [
        (None, "Not verified: the home region us-east-1. ListLandingZones failed: AccessDeniedException."),
        ("", "Not verified: the home region us-east-1. AWS Control Tower reports no landing zone there."),
    ],
)
def test_a_home_region_that_could_not_be_verified_is_no_fact(home_region: str | None, note: str) -> None:
    assert package.check_with_aws(configuration(), None, FakeAws(home_region)).notes == [note]


LOOK_UP = with_values(filled(), {"SecurityTitle": '"$[alfred_ssm_/title]"', "SecurityName": '"$[alfred_ssm_/title]"'})


def test_the_value_of_a_look_up_may_have_a_comma() -> None:
    checked = package.check_with_aws(configuration(LOOK_UP), None, FakeAws(parameters={"/title": "Security, EMEA"}))
    assert "$[alfred_ssm_/title]" in checked.manifest.text
    assert checked.notes == []


def test_the_value_of_a_look_up_must_be_one_that_the_template_accepts() -> None:
    with pytest.raises(PackagingError) as error:
        package.check_with_aws(configuration(LOOK_UP), None, FakeAws(parameters={"/title": "s" * 60}))
    [message] = error.value.messages
    assert message.startswith("The SSM parameter /title in us-east-1: SecurityTitle must be 1 to 50 characters")
    assert "sss" not in message


def test_a_look_up_that_may_not_be_read_is_noted() -> None:
    checked = package.check_with_aws(configuration(LOOK_UP), None, FakeAws())
    note = "Not verified: the SSM parameters of look-ups. GetParameters failed: AccessDeniedException."
    assert checked.notes == [note]
