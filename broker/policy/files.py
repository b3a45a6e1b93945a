"""The files of the policy as admins write them: every key, its type, its default, its meaning."""

from typing import Annotated, ClassVar, Literal, Protocol, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from broker.policy.grammar import (
    DISTINCT,
    FILLED,
    CredentialName,
    Date,
    FilePath,
    Host,
    Id,
    InventoryPath,
    KeyId,
    Kind,
    Privilege,
    RuleId,
    TemplatePrivilege,
    Text,
    Time,
    User,
    VariableName,
    distinct,
    refuse,
)


class Strict(BaseModel):
    """Unknown keys are errors, nothing is converted, and no error repeats a value."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, validate_default=True
    )


class _WithId(Protocol):
    @property
    def id(self) -> str: ...


_Listed = TypeVar("_Listed", bound=_WithId)


def _with_distinct_ids(values: tuple[_Listed, ...]) -> tuple[_Listed, ...]:
    distinct(tuple(value.id for value in values))
    return values


class SecretReferenceText(Strict):
    """Where a secret is: exactly one of a file, a systemd credential, an environment variable."""

    file: FilePath | None = Field(default=None, description="File with mode 0600 that holds the secret.")
    credential: CredentialName | None = Field(
        default=None, description="systemd credential (`LoadCredential=`)."
    )
    variable: VariableName | None = Field(default=None, description="Environment variable.")

    @model_validator(mode="before")
    @classmethod
    def _is_a_reference(cls, value: object) -> object:
        if not isinstance(value, dict):
            refuse(
                "a secret is written here, or nothing",
                "Write {file: PATH}, {credential: NAME} or {variable: NAME} in its place",
            )
        if len(value) != 1 or not value.keys() <= cls.model_fields.keys() or None in value.values():
            refuse("is not one reference to a secret", "Write exactly one of file, credential and variable")
        return value


Reference = Annotated[SecretReferenceText, Kind("secret reference")]


class RateText(Strict):
    """At most `count` events in any window of `seconds`."""

    count: int = Field(gt=0, le=1_000_000, description="How many.")
    seconds: int = Field(gt=0, le=86_400, description="In how many seconds.")


RateOf = Annotated[RateText, Kind("rate")]


class VcenterEntry(Strict):
    """One vCenter."""

    host: Host = Field(description="DNS name or IP address, as its certificate has it.")
    port: int = Field(default=443, ge=1, le=65535, description="TCP port of its API.")
    ca_file: FilePath = Field(
        description="PEM of its CA, or of the certificate itself, as the trust anchor for TLS."
    )
    concurrency: int = Field(default=8, ge=1, le=64, description="Calls to it that may run at once.")
    connect_timeout_s: float = Field(default=5, gt=0, le=60, description="Seconds to wait for a connection.")
    call_timeout_s: float = Field(default=20, gt=0, le=300, description="Seconds to wait for an answer.")
    first_unsupported_major: int = Field(
        default=9, ge=6, le=99, description="Hosts of this major version and newer get no ticket."
    )


class AccountEntry(Strict):
    """One low-privilege vCenter account."""

    vcenter: Id = Field(description="The vCenter, by its id in vcenters.yaml, that knows it.")
    user: User = Field(description="Its name with its domain.")
    password: Reference = Field(description="Where its password is.")
    tolerated: Annotated[tuple[Privilege, ...], DISTINCT] = Field(
        default=(), description="Privileges that it may hold on the root folder; each is a risk on record."
    )
    shared_by: Annotated[tuple[Id, ...], DISTINCT] = Field(
        default=(),
        description="The apps that share it, when grants of several do: vCenter sees them as one identity.",
    )


class KeyEntry(Strict):
    """A public key with which an app signs its assertions."""

    id: KeyId = Field(description="The `kid` that the app names in its assertions.")
    algorithm: Literal["ES256", "Ed25519", "RS256", "PS256"] = Field(
        description="The one algorithm that the key may be used with; RSA keys need 2048 bits."
    )
    pem: Annotated[str, Kind("PEM text")] | None = Field(default=None, description="The public key itself.")
    file: FilePath | None = Field(default=None, description="A file that holds the public key in PEM.")

    @model_validator(mode="after")
    def _one_source(self) -> "KeyEntry":
        if (self.pem is None) == (self.file is None):
            refuse("needs its public key once", "Write exactly one of pem and file")
        return self


class AppEntry(Strict):
    """One monitoring app. Hashes of its secrets are in the store, never here."""

    description: Text = Field(description="What it is.")
    owner: Text = Field(description="Who answers for it.")
    scopes: Annotated[
        tuple[Literal["tickets", "audit.read", "roles.read"], ...],
        FILLED,
        DISTINCT,
    ] = Field(description="What its access tokens may be used for.")
    keys: Annotated[tuple[KeyEntry, ...], AfterValidator(_with_distinct_ids)] = Field(
        default=(), max_length=16, description="Public keys for private_key_jwt."
    )
    rate: RateOf = Field(
        default=RateText(count=60, seconds=60),
        description="Requests of this app, over all its grants; less than `service_rate`.",
    )


class OverrideEntry(Strict):
    """A finding of `broker roles lint` that is accepted for a while."""

    rule: RuleId = Field(description="The rule, by its id in docs/lint.md.")
    privilege: Privilege | None = Field(
        default=None, description="The privilege that the finding is about; leave it out where it names none."
    )
    reason: Text = Field(description="Why it is accepted.")
    owner: Text = Field(description="Who answers for that.")
    expires: Date = Field(description="The last day (UTC) on which it counts.")


class GrantEntry(Strict):
    """One app may use one template through one account on one part of the inventory."""

    app: Id = Field(description="The app, by its id in apps.yaml.")
    template: Id = Field(description="The template, by its name in roles/.")
    account: Id = Field(description="The account, by its id in accounts.yaml.")
    scope: Annotated[tuple[InventoryPath, ...], FILLED, DISTINCT] = Field(
        max_length=1000, description="Inventory paths; each covers what is below it."
    )
    owner: Text = Field(description="Who answers for the grant.")
    reason: Text = Field(description="Why it is there.")
    valid_until: Time = Field(description="When it ends; checked at each request.")
    rate_per_host: RateOf = Field(
        default=RateText(count=6, seconds=60), description="Tickets for one host under this grant."
    )
    readiness: Literal["require", "advise"] = Field(
        default="require", description="A host whose CIM service is stopped: refuse it, or only warn."
    )
    drift: Literal["strict", "follow"] = Field(
        default="follow",
        description="A controller that is silent: refuse every ticket, or go by what it said last.",
    )
    overrides: tuple[OverrideEntry, ...] = Field(
        default=(), max_length=50, description="Findings about this grant that are accepted for a while."
    )


class PrivilegeEntry(Strict):
    """One privilege of a template."""

    id: TemplatePrivilege = Field(description="The privilege's id in the vSphere API.")
    reason: Text = Field(description="What it is needed for.")
    source: Text | None = Field(default=None, description="Where that is written.")


class TemplateFile(Strict):
    """One role template, a file of its own."""

    name: Id = Field(description="Its id; the file is called `<name>.yaml`.")
    description: Text = Field(description="What an account with this role can do.")
    kind: Literal["app", "controller"] = Field(
        default="app",
        description="For apps by grants, or for the controller alone, which no grant names.",
    )
    enabled: bool = Field(default=True, description="Whether anything is issued under it.")
    owner: Text = Field(description="Who answers for it.")
    review_by: Date = Field(description="The day by which somebody looks at it again.")
    entity_types: Annotated[
        tuple[
            Literal["Folder", "Datacenter", "ClusterComputeResource", "ComputeResource", "HostSystem"], ...
        ],
        FILLED,
        DISTINCT,
    ] = Field(description="What it may be granted on; a stand-alone host is a ComputeResource.")
    ticket_kinds: Annotated[tuple[Literal["cim"], ...], DISTINCT] = Field(
        default=(), description="The tickets that may be taken under it."
    )
    max_days: int | None = Field(
        default=None, ge=1, le=3650, description="How many days away the end of its grants may be."
    )
    max_rate_per_host: RateOf | None = Field(
        default=None, description="What `rate_per_host` of its grants may allow at most."
    )
    privileges: Annotated[tuple[PrivilegeEntry, ...], FILLED, AfterValidator(_with_distinct_ids)] = Field(
        max_length=200,
        description="All that the role holds; System.Anonymous, View and Read it holds in any case.",
    )
    overrides: tuple[OverrideEntry, ...] = Field(
        default=(), max_length=50, description="Findings about this template that are accepted for a while."
    )
