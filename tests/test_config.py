"""Configuration: which source wins, what is refused, and that no password is ever shown."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import Config, TargetConfig, load, redact
from orchestrator.core.errors import Invalid

ONE = '[targets.shop]\nurl = "postgresql://file/shop"\nreplicas = ["postgresql://file/replica"]\n'
TWO = ONE + '[targets.crm]\nurl = "env:CRM"\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str, name: str = "orch.toml") -> str:
    Path(name).write_text(text)
    return name


def refused(environ: dict[str, str] | None = None, path: str | None = None) -> Invalid:
    with pytest.raises(Invalid) as caught:
        load(path, environ or {})
    assert caught.value.exit_code == 2
    assert caught.value.next_step
    return caught.value


def urls(config: Config) -> dict[str, str]:
    return {name: target.url for name, target in config.targets.items()}


def test_nothing_configured_says_how_and_names_the_demo() -> None:
    error = refused()
    assert error.message == "no database is configured"
    assert "ORCH_URL" in error.next_step
    assert "orch.toml" in error.next_step
    assert "orch demo" in error.next_step


def test_an_empty_setting_is_no_setting() -> None:
    assert refused({"ORCH_URL": ""}).message == "no database is configured"


def test_one_url_is_enough() -> None:
    config = load(environ={"ORCH_URL": "postgresql:///db"})
    assert config == Config("postgresql:///db", {"default": TargetConfig("default", "postgresql:///db")})
    assert config.default_target == config.target() == config.target("default")


def test_the_file_in_this_directory_is_read() -> None:
    write(ONE)
    config = load(environ={})
    assert urls(config) == {"shop": "postgresql://file/shop"}
    assert config.target("shop").replicas == ("postgresql://file/replica",)
    assert config.registry_url == "postgresql://file/shop"


def test_a_named_file_is_read_instead_and_must_exist() -> None:
    write(ONE)
    other = write('[targets.crm]\nurl = "postgresql://other/crm"\n', "other.toml")
    assert urls(load(other, {})) == {"crm": "postgresql://other/crm"}
    assert "cannot be read" in refused(path="missing.toml").message


def test_the_environment_beats_the_file_and_the_option_beats_both() -> None:
    write('registry = "postgresql://file/registry"\n' + ONE)
    assert load(environ={}).registry_url == "postgresql://file/registry"
    env = {"ORCH_URL": "postgresql://env/db", "ORCH_REGISTRY_URL": "postgresql://env/registry"}
    config = load(environ=env)
    assert urls(config) == {"shop": "postgresql://env/db"}
    assert config.registry_url == "postgresql://env/registry"
    assert urls(load(environ=env, url="postgresql://option/db")) == {"shop": "postgresql://option/db"}


def test_an_override_beside_several_targets_becomes_the_default_one() -> None:
    write('registry = "postgresql://file/registry"\n' + TWO)
    env = {"ORCH_URL": "postgresql://env/db", "CRM": "postgresql://env/crm"}
    config = load(environ=env)
    assert urls(config) == {
        "shop": "postgresql://file/shop",
        "crm": "postgresql://env/crm",
        "default": "postgresql://env/db",
    }
    assert config.target().name == "default"


def test_an_override_spares_the_variable_it_replaces() -> None:
    write('[targets.shop]\nurl = "env:UNSET"\n')
    assert urls(load(environ={"ORCH_URL": "postgresql:///db"})) == {"shop": "postgresql:///db"}
    assert "the environment variable UNSET is not set" in refused().message


def test_several_targets_need_a_registry_and_a_name() -> None:
    write(TWO)
    assert "several targets, and no registry" in refused({"CRM": "postgresql:///crm"}).message
    config = load(environ={"CRM": "postgresql:///crm", "ORCH_REGISTRY_URL": "postgresql:///r"})
    assert config.default_target is None
    with pytest.raises(Invalid, match=r"several targets \(crm, shop\)"):
        config.target()
    with pytest.raises(Invalid, match="target 'shopp' is not configured; did you mean 'shop'"):
        config.target("shopp")


def test_a_registry_alone_is_no_target() -> None:
    assert refused({"ORCH_REGISTRY_URL": "postgresql:///r"}).message == "no database is configured"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('regsitry = "x"', "unknown key 'regsitry'; did you mean 'registry'?"),
        ('[target.shop]\nurl = "x"', "unknown key 'target'; did you mean 'targets'?"),
        ('[targets.shop]\nurl = "postgresql:///d"\nreplica = []', "targets.shop: unknown key 'replica'"),
        ("[targets.shop]\n", "targets.shop has no url"),
        ("targets = 1", "targets must be tables"),
        ("[targets]\nshop = 1", "targets must be tables"),
        ("[targets.shop]\nurl = 1", "targets.shop.url is not a PostgreSQL URL"),
        ('[targets.shop]\nurl = "mysql:///d"', "targets.shop.url is not a PostgreSQL URL"),
        ('[targets.shop]\nurl = "postgresql:///d"\nreplicas = "x"', "replicas must be a list"),
        ('[targets.shop]\nurl = "postgresql:///d"\nreplicas = [1]', "targets.shop.replicas is not"),
        ("registry = ", "is not valid TOML"),
        ('registry = 1\n[targets.shop]\nurl = "postgresql:///d"', "registry is not a PostgreSQL URL"),
    ],
)
def test_what_is_wrong_is_named(text: str, expected: str) -> None:
    write(text)
    message = refused().message
    assert message.startswith("orch.toml")
    assert expected in message


def test_a_file_that_is_no_text() -> None:
    Path("orch.toml").write_bytes(b"\xff\xfe")
    assert "it is not UTF-8" in refused().message


SECRET = "Tr0ub4dor"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@x@h/d",
        f"postgresql://u:{SECRET}/x@h/d",
        f"postgresql://u:x#{SECRET}@h/d",
        f"postgresql://u:{SECRET}?x@h/d",
        f"postgres//u:{SECRET}@h/d",
        f"host=h password={SECRET}",
        f"postgresql://u:{SECRET} x@h/d",
    ],
)
def test_a_bad_url_is_refused_without_being_repeated(url: str) -> None:
    for error in (refused({"ORCH_URL": url}), refused({"ORCH_REGISTRY_URL": url, "ORCH_URL": "postgresql:///d"})):
        assert SECRET not in str(error)
        assert "is not a PostgreSQL URL" in error.message


def test_secrets_stay_out_of_repr_and_are_known_for_scrubbing() -> None:
    write(f'registry = "postgresql://u@h/d?sslpassword=other{SECRET}"\n' + ONE)
    config = load(environ={"ORCH_URL": f"postgresql://u:{SECRET}%40@h/d"})
    assert SECRET not in repr(config)
    assert set(config.secrets()) == {f"{SECRET}%40", f"{SECRET}@", f"other{SECRET}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://u:p@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql://u:p@q@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d?user=u&password=p&x=y", "postgresql://h/d?user=u&password=***&x=y"),
        ("a postgresql+psycopg://u:p@h/d b", "a postgresql+psycopg://u@h/d b"),
        ("host=h password='a b' user=u", "host=h password=*** user=u"),
        ("postgresql:///d", "postgresql:///d"),
        ("nothing to hide: a@b", "nothing to hide: a@b"),
    ],
)
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=20))
def test_no_password_survives(password: str) -> None:
    secret = f"{SECRET}{password}{SECRET}"
    assert SECRET not in redact(f"could not use postgresql://u:{secret}@h/d")
    with_url = {"ORCH_URL": f"postgresql://u:{secret}@h/d"}
    try:
        assert SECRET not in repr(load("/dev/null", with_url))
    except Invalid as error:
        assert SECRET not in str(error)  # noqa: PT017 - passing is fine too
