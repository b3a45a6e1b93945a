"""One process' metrics, put together: a registry of its own, who fills it, and where it is shown."""

from broker.metrics.exposition import Exposition
from broker.metrics.meter import PrometheusMeter, Questions, Standing, new_registry
from broker.model.settings import ServerSettings
from broker.ports.clock import Clock


class Metrics:
    """`meter` is handed to the rooms. Raises NotMeasurable."""

    def __init__(self) -> None:
        self._registry = new_registry()
        self.meter = PrometheusMeter(self._registry)

    def ask(self, questions: Questions) -> None:
        """What else to show at each scrape. Call it once."""
        self._registry.register(Standing(questions))

    def exposition(self, settings: ServerSettings, clock: Clock) -> Exposition | None:
        """Where to show it all, if the settings want that. Raises SecretUnavailable."""
        if settings.metrics is None:
            return None
        return Exposition(settings.metrics, settings.workers, self._registry, clock)
