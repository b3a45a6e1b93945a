"""OptionManager: the few advanced settings of vCenter that readers ask for."""

from pyVmomi import vim

from broker.lab.soap.call import Call
from broker.lab.world.values import VimValue


class OptionManager:
    """The managed object; its settings are read only."""

    vim_type = vim.option.OptionManager
    moid = "VpxSettings"

    def __init__(self, settings: dict[str, VimValue]) -> None:
        self._settings = settings

    def QueryOptions(self, call: Call, *, name: str | None) -> list[VimValue]:
        """One setting, or all below a name that ends in a dot. Raises InvalidName."""
        found = {key: value for key, value in self._settings.items() if _named(key, name)}
        if not found:
            raise vim.fault.InvalidName(name=name)
        return [vim.option.OptionValue(key=key, value=value) for key, value in found.items()]

    def read_setting(self, call: Call) -> list[VimValue]:
        """All settings."""
        return self.QueryOptions(call, name=None)


def _named(key: str, name: str | None) -> bool:
    return not name or key == name or (name.endswith(".") and key.startswith(name))
