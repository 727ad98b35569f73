"""`sets` and `targets`: read and write the contact configuration in Parameter Store."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alternate_contacts.backfill.pacing import CallRate
from alternate_contacts.cli.aws import contact_parameters
from alternate_contacts.cli.aws.parameter_change import TAKES_EFFECT
from alternate_contacts.worker.contact_configuration import parse_configuration
from tests.fakes.cli import PARAMETERS, STACK, FakeParameterStoreApi, deny
from tests.fakes.contact_data import contact_set
from tests.fakes.wire import FakeWire, HttpResponse, error_response
from tests.unit.cli.conftest import Run

PATH = "/teams/contacts"
WITH_PATH = replace(STACK, parameters={**PARAMETERS, "ContactsPath": PATH})
CONTACT = contact_set(4455)
OU, ACCOUNT, ROOT_ID = "ou-ab12-12345678", "111122223333", "r-ab12"


@pytest.fixture
def store(aws: FakeWire) -> FakeParameterStoreApi:
    """A configuration with a set, a target that selects it, and one that excludes."""
    aws.respond("DescribeOrganizationalUnit", HttpResponse(body={"OrganizationalUnit": {"Id": OU, "Name": "Finance"}}))
    aws.respond("DescribeAccount", HttpResponse(body={"Account": {"Id": ACCOUNT, "Name": "Build"}}))
    aws.respond("ListRoots", HttpResponse(body={"Roots": [{"Id": ROOT_ID, "Name": "Root"}]}))
    values = {"version": "1", "sets/payments": CONTACT, f"targets/{OU}": {"billing": "payments"}}
    return FakeParameterStoreApi(aws, PATH, values)


@pytest.fixture
def cli(run: Run, store: FakeParameterStoreApi) -> Run:  # noqa: ARG001 - it responds
    """The command on a stack with a ContactsPath."""

    def run_it(*arguments: str, **options: Any) -> Any:
        return run(*arguments, **{"stack": WITH_PATH} | options)

    return run_it


def written(path: Path, content: object) -> str:
    """Write a file, as JSON unless it is text, and return its path."""
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return str(path)


def has_contact(text: str) -> bool:
    return any(value in text for value in CONTACT.values())


class TestPut:
    def test_a_new_set_is_created(self, cli: Run, store: FakeParameterStoreApi, tmp_path: Path) -> None:
        result = cli("sets", "put", "legal", written(tmp_path / "legal.json", CONTACT), "--yes")
        assert (result.exit_code, result.stderr) == (0, "")
        assert result.stdout.splitlines() == [
            f"Create {PATH}/sets/legal.",
            "No target selects this contact set yet.",
            f"Created {PATH}/sets/legal, version 1.",
        ]
        assert store.value("sets/legal") == CONTACT
        assert store.parameters["sets/legal"]["Type"] == "String"

    def test_a_changed_set_shows_which_fields_differ_and_no_value(
        self, cli: Run, store: FakeParameterStoreApi, tmp_path: Path
    ) -> None:
        changed = CONTACT | {"title": "Treasury", "phoneNumber": "+1"}
        result = cli("sets", "put", "payments", written(tmp_path / "p.json", changed), "--yes")
        assert result.stdout.splitlines() == [
            f"Change {PATH}/sets/payments: title, phone number.",
            f"Changed {PATH}/sets/payments, version 2.",
            TAKES_EFFECT,
        ]
        assert store.value("sets/payments") == changed
        assert not has_contact(result.output)

    def test_an_equal_set_is_not_written(self, cli: Run, aws: FakeWire, tmp_path: Path) -> None:
        # Other white space, order of keys, line ends and a byte order mark
        text = "\ufeff" + json.dumps(dict(reversed(CONTACT.items())), indent=4).replace("\n", "\r\n")
        file = tmp_path / "p.json"
        file.write_bytes(text.encode())
        result = cli("sets", "put", "payments", str(file), "--json")
        assert json.loads(result.stdout)["plan"]["action"] == "unchanged"
        assert (result.exit_code, aws.requests_of("PutParameter")) == (0, [])

    def test_standard_input_is_a_file(self, cli: Run, store: FakeParameterStoreApi) -> None:
        result = cli("sets", "put", "legal", "-", "--yes", "--json", answer=json.dumps(CONTACT | {"name": "Zoë 東"}))
        assert json.loads(result.stdout)["result"] == {"version": 1, "changed": True}
        assert store.value("sets/legal")["name"] == "Zoë 東"

    @pytest.mark.parametrize(
        ("text", "detail"),
        [
            ("{", "not_json"),
            ("[]", "not_an_object"),
            ("'{}'", "not_json"),
            (json.dumps(CONTACT | {"color": "red"}), "unknown_key"),
            (json.dumps(CONTACT).replace('"name"', '"title"'), "duplicate_key"),
            (json.dumps({**CONTACT, "name": "\x1b[31m"}), "invalid_name"),
            ('{"name": "Pia Payments"}', "no_title"),
        ],
    )
    def test_an_invalid_set_is_not_written(self, cli: Run, aws: FakeWire, text: str, detail: str) -> None:
        result = cli("sets", "put", "legal", "-", "--yes", answer=text)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert f": {detail} (" in result.stderr
        assert not has_contact(result.output)
        assert aws.requests == []

    @pytest.mark.parametrize("name", ["../x", "Payments", "default", "a/b", "", "x" * 64, "\x1b[2J"])
    def test_a_hostile_name_is_rejected_before_any_call(self, cli: Run, aws: FakeWire, name: str) -> None:
        for verb, code in (("sets", "invalid_set_name"), ("targets", "invalid_target_id")):
            result = cli(verb, "put", name, "-", "--yes", answer="{}")
            assert (result.exit_code, code in result.stderr, "\x1b" in result.output) == (2, True, False)
        assert aws.requests == []

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"\xff\xfe{\x00}\x00", "no text in UTF-8"),
            (b" " * 100_001, "larger than 100,000 bytes"),
        ],
        ids=["empty", "space", "UTF-16", "huge"],
    )
    def test_a_file_that_holds_no_text_is_named(self, cli: Run, tmp_path: Path, content: bytes, message: str) -> None:
        (tmp_path / "f").write_bytes(content)
        result = cli("sets", "put", "legal", str(tmp_path / "f"))
        assert (result.exit_code, message in result.stderr) == (2, True)
        assert result.stderr.startswith(str(tmp_path / "f"))

    def test_a_file_that_cannot_be_read_is_named(self, cli: Run, tmp_path: Path) -> None:
        for file in (tmp_path, tmp_path / "missing"):
            result = cli("targets", "put", OU, str(file))
            assert (result.exit_code, result.stderr.startswith(f"{file} cannot be used: ")) == (2, True)

    def test_without_yes_and_terminal_nothing_is_written(self, cli: Run, aws: FakeWire) -> None:
        result = cli("targets", "put", OU, "-", answer='{"exclude": true}')
        assert (result.exit_code, aws.requests_of("PutParameter")) == (2, [])
        result = cli("targets", "put", OU, "-", "--dry-run", answer='{"exclude": true}')
        assert (result.exit_code, aws.requests_of("PutParameter")) == (0, [])

    def test_a_changed_target_shows_every_difference(self, cli: Run, store: FakeParameterStoreApi) -> None:
        result = cli("targets", "put", OU, "-", "--yes", answer='{"security": "ignore", "exclude": false}')
        assert result.stdout.splitlines() == [
            f"Change {PATH}/targets/{OU}: billing payments -> not stated, security not stated -> ignore, exclude not "
            "stated -> false.",
            f"The name of {OU} is Finance.",
            f"Changed {PATH}/targets/{OU}, version 2.",
            TAKES_EFFECT,
        ]
        assert store.value(f"targets/{OU}") == {"security": "ignore", "exclude": False}

    def test_a_target_may_arrive_before_its_set_with_a_remark(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.set("sets/broken", "{}")
        value = {"billing": "later", "security": "broken", "operations": "payments"}
        result = cli("targets", "put", ACCOUNT, "-", "--yes", "--json", answer=json.dumps(value))
        named, invalid, unknown = json.loads(result.stdout)["plan"]["remarks"]
        assert "Build" in named
        assert ("broken is invalid" in invalid, "later does not exist" in unknown) == (True, True)
        assert store.value(f"targets/{ACCOUNT}") == value

    def test_a_target_that_states_nothing_has_a_remark(self, cli: Run) -> None:
        assert "states nothing" in cli("targets", "put", ROOT_ID, "-", "--dry-run", answer="{}").stdout

    @pytest.mark.parametrize("target_id", [OU, ACCOUNT, "r-zz99"])
    def test_a_target_outside_the_organization_is_not_written(self, cli: Run, aws: FakeWire, target_id: str) -> None:
        aws.respond("DescribeOrganizationalUnit", error_response("OrganizationalUnitNotFoundException", 400))
        aws.respond("DescribeAccount", error_response("AccountNotFoundException", 400))
        result = cli("targets", "put", target_id, "-", "--yes", answer='{"billing": "payments"}')
        assert (result.exit_code, "not in the organization" in result.stderr) == (2, True)
        assert aws.requests_of("PutParameter") == []

    def test_without_permission_to_describe_it_a_target_is_written_with_a_remark(
        self, cli: Run, aws: FakeWire, store: FakeParameterStoreApi
    ) -> None:
        deny(aws, "DescribeAccount")
        result = cli("targets", "put", ACCOUNT, "-", "--yes", answer='{"billing": "payments"}')
        assert (result.exit_code, "DescribeAccount failed: AccessDenied" in result.stdout) == (0, True)
        assert store.value(f"targets/{ACCOUNT}") == {"billing": "payments"}


class TestVersion:
    def test_the_version_is_created_last_and_on_request_only(
        self, cli: Run, aws: FakeWire, store: FakeParameterStoreApi
    ) -> None:
        store.parameters.clear()
        first = cli("sets", "put", "payments", "-", "--yes", answer=json.dumps(CONTACT))
        assert f"{PATH}/version is missing" in first.stdout
        assert TAKES_EFFECT not in first.stdout
        assert "version" not in store.parameters
        arguments = ("targets", "put", OU, "-", "--yes", "--create-version")
        assert cli(*arguments, answer='{"billing": "payments"}').stdout.splitlines()[-3:] == [
            f"Created {PATH}/targets/{OU}, version 1.",
            f"Created {PATH}/version.",
            TAKES_EFFECT,
        ]
        assert [request["Name"].rpartition("/")[2] for request in aws.requests_of("PutParameter")] == [
            *("payments", OU, "version")
        ]
        assert parse_configuration({name: each["Value"] for name, each in store.parameters.items()}).validate() == []

    def test_an_unchanged_parameter_may_create_the_version(self, cli: Run, store: FakeParameterStoreApi) -> None:
        del store.parameters["version"]
        result = cli("targets", "put", OU, "-", "--yes", "--json", "--create-version", answer='{"billing": "payments"}')
        assert json.loads(result.stdout)["result"] == {"version": 1, "changed": False, "versionCreated": True}
        assert store.parameters["version"]["Value"] == "1"

    def test_a_put_that_fails_creates_no_version(self, cli: Run, aws: FakeWire, store: FakeParameterStoreApi) -> None:
        store.parameters.clear()
        deny(aws, "PutParameter")
        result = cli("targets", "put", OU, "-", "--yes", "--create-version", answer='{"billing": "payments"}')
        assert (result.exit_code, "permission ssm:PutParameter" in result.stderr) == (2, True)
        assert len(aws.requests_of("PutParameter")) == 1

    @pytest.mark.parametrize(
        "arguments", [("sets", "put", "a", "-"), ("targets", "delete", OU), ("sets", "delete", "payments")]
    )
    def test_the_configuration_of_another_release_is_not_changed(
        self, cli: Run, store: FakeParameterStoreApi, arguments: tuple[str, ...]
    ) -> None:
        store.set("version", "2")
        result = cli(*arguments, "--yes", answer=json.dumps(CONTACT))
        assert (result.exit_code, f"{PATH}/version is not 1" in result.stderr) == (2, True)


class TestConflicts:
    def test_a_parameter_that_another_program_created_is_not_overwritten(self, cli: Run, aws: FakeWire) -> None:
        aws.respond("PutParameter", error_response("ParameterAlreadyExists", 400))
        result = cli("sets", "put", "legal", "-", "--yes", answer=json.dumps(CONTACT))
        assert (result.exit_code, "ParameterAlreadyExists" in result.stderr) == (2, True)
        assert aws.requests_of("PutParameter")[0]["Overwrite"] is False

    def test_a_change_between_plan_and_write_is_reported(self, cli: Run, aws: FakeWire) -> None:
        aws.respond("PutParameter", HttpResponse(body={"Version": 3}))
        result = cli("targets", "put", OU, "-", "--yes", "--json", answer="{}")
        assert json.loads(result.stdout)["result"] == {"version": 3, "changed": True, "overwrittenVersion": 2}

    def test_a_parameter_of_another_type_must_be_deleted_first(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.set("sets/secret", "encrypted", "SecureString")
        result = cli("sets", "put", "secret", "-", "--yes", answer=json.dumps(CONTACT))
        assert (result.exit_code, "is not String" in result.stderr) == (2, True)
        assert cli("sets", "delete", "secret", "--yes").exit_code == 0
        assert "sets/secret" not in store.parameters

    def test_a_parameter_that_is_deleted_already_is_deleted(self, cli: Run, aws: FakeWire) -> None:
        aws.respond("DeleteParameter", error_response("ParameterNotFound", 400))
        assert json.loads(cli("targets", "delete", OU, "--yes", "--json").stdout)["result"] == {"deleted": True}


class TestDelete:
    def test_a_set_in_use_is_not_deleted(self, cli: Run, aws: FakeWire, store: FakeParameterStoreApi) -> None:
        for number in range(30):
            store.set(f"targets/{number:012}", {"security": "payments", "billing": "payments"})
        result = cli("sets", "delete", "payments", "--yes")
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert "31 targets select it (000000000000, 000000000001, " in result.stderr
        assert "and 11 more" in result.stderr
        assert aws.requests_of("DeleteParameter") == []

    def test_the_last_target_is_deleted_and_the_version_stays(self, cli: Run, store: FakeParameterStoreApi) -> None:
        result = cli("targets", "delete", OU, "--yes")
        assert result.stdout.splitlines() == [
            f"Delete {PATH}/targets/{OU}: billing payments -> not stated.",
            f"Deleted {PATH}/targets/{OU}.",
            TAKES_EFFECT,
        ]
        assert cli("sets", "delete", "payments", "--yes").stdout.splitlines() == [
            f"Delete {PATH}/sets/payments.",
            f"Deleted {PATH}/sets/payments.",
        ]
        assert list(store.parameters) == ["version"]

    def test_an_invalid_target_may_select_the_set(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.set(f"targets/{OU}", '{"billing": "payments", "color": 1}')
        plan = json.loads(cli("sets", "delete", "payments", "--dry-run", "--json").stdout)["plan"]
        assert [OU in remark for remark in plan["remarks"]] == [True]
        assert "sets/payments" in store.parameters

    def test_what_does_not_exist_is_not_deleted(self, cli: Run, aws: FakeWire) -> None:
        for arguments in (("sets", "delete", "nothing"), ("targets", "delete", "../version"), ("sets", "show", "x")):
            result = cli(*arguments)
            assert (result.exit_code, "does not exist" in result.stderr) == (2, True)
        assert aws.requests_of("DeleteParameter") == []


class TestListAndShow:
    def test_contacts_are_hidden_unless_asked_for(self, cli: Run) -> None:
        for arguments in (("list",), ("show", "payments")):
            for form in ((), ("--json",)):
                hidden = cli("sets", *arguments, *form)
                assert (hidden.exit_code, has_contact(hidden.output)) == (0, False)
                shown = cli("sets", *arguments, *form, "--show-contacts")
                assert all(value in shown.stdout for value in CONTACT.values())

    def test_what_show_prints_is_what_put_reads(self, cli: Run, tmp_path: Path) -> None:
        contact = json.loads(cli("sets", "show", "payments", "--show-contacts", "--json").stdout)["contact"]
        target = json.loads(cli("targets", "show", OU, "--json").stdout)["target"]
        for arguments, value in ((("sets", "put", "payments"), contact), (("targets", "put", OU), target)):
            result = cli(*arguments, written(tmp_path / "value.json", value), "--json")
            assert json.loads(result.stdout)["plan"]["action"] == "unchanged"

    def test_every_problem_is_listed(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.set("sets/secret", "encrypted", "SecureString")
        store.set("sets/Upper", CONTACT)
        store.set("targets/root", {})
        store.set(f"targets/{ACCOUNT}", {"billing": "missing"})
        store.set("set/typo", CONTACT)
        listed_sets, listed_targets = cli("sets", "list", "--json"), cli("targets", "list", "--json")
        assert (listed_sets.exit_code, listed_targets.exit_code) == (1, 1)
        sets, targets = json.loads(listed_sets.stdout), json.loads(listed_targets.stdout)
        details = {
            each["parameter"]: each["detail"]
            for document, key in ((sets, "sets"), (targets, "targets"))
            for row in document[key]
            for each in row["problems"]
        }
        assert details == {
            "sets/secret": "not_a_string_parameter",
            "sets/Upper": "invalid_set_name",
            "targets/root": "invalid_target_id",
            f"targets/{ACCOUNT}": "missing",
        }
        unknown = {"parameter": "set/typo", "reason": "unknown_parameter", "detail": "unknown_path"}
        assert sets["problems"] == targets["problems"] == [unknown]
        text = cli("sets", "list").stdout + cli("targets", "list").stdout
        assert all(detail in text for detail in details.values())
        assert (cli("sets", "show", "secret").exit_code, cli("targets", "show", ACCOUNT).exit_code) == (1, 1)

    def test_a_configuration_without_version_has_a_problem(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.parameters.clear()
        result = cli("targets", "list")
        assert (result.exit_code, "no_version" in result.stdout) == (1, True)

    def test_a_terminal_gets_no_escape_sequence(self, cli: Run, store: FakeParameterStoreApi) -> None:
        store.set("sets/\x1b[2J", CONTACT)
        store.set("targets/\u202e", {})
        for verb in ("sets", "targets"):
            result = cli(verb, "list")
            assert not {"\x1b", "\u202e"} & set(result.output)

    def test_a_large_configuration_is_read_in_pages_at_the_pace(
        self, cli: Run, aws: FakeWire, store: FakeParameterStoreApi, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paced: list[tuple[str, CallRate]] = []
        monkeypatch.setattr(
            contact_parameters, "pace_calls", lambda _, operation, rate: paced.append((operation, rate))
        )
        for number in range(100):
            store.set(f"sets/s{number}", CONTACT)
        for number in range(300):
            store.set(f"targets/{number:012}", {"billing": f"s{number % 100}"})
        assert len(json.loads(cli("targets", "list", "--json").stdout)["targets"]) == 301
        users = {row["name"]: len(row["usedBy"]) for row in json.loads(cli("sets", "list", "--json").stdout)["sets"]}
        assert (len(users), users["s7"]) == (101, 3)
        assert len(aws.requests_of("GetParametersByPath")) == 2 * 41
        assert paced == [("GetParametersByPath", contact_parameters.READ_RATE)] * 2
        assert contact_parameters.READ_RATE.calls_per_second <= 20  # AWS allows 40


@pytest.mark.parametrize(
    "arguments", [("sets", "list"), ("sets", "show", "a"), ("targets", "list"), ("targets", "delete", ACCOUNT)]
)
def test_without_a_path_the_next_step_is_printed(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "aws ssm put-parameter --name /alternate-contacts/version" in result.stderr
    assert "ContactsPath=/alternate-contacts" in result.stderr


def test_a_read_that_is_denied_names_the_permission(cli: Run, aws: FakeWire) -> None:
    deny(aws, "GetParametersByPath")
    result = cli("sets", "list")
    assert (result.exit_code, "permission ssm:GetParametersByPath" in result.stderr) == (2, True)
