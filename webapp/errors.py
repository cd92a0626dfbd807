"""What can go wrong between the page and the stores behind it."""


class WebappError(Exception):
    """The root of this package's errors."""


class Unavailable(WebappError):
    """Raised when something that others run does not answer. Waiting and trying again is the remedy."""


class RedisUnavailable(Unavailable):
    """Raised when Redis does not answer, is loading, or refuses to store more."""


class KafkaUnavailable(Unavailable):
    """Raised when Kafka does not answer, or a topic is not there yet."""


class RegistryUnavailable(Unavailable):
    """Raised when the schema registry does not answer."""


class UndecodableRecord(WebappError):
    """Raised when a record of one of our topics is not what its contract says. The text says where and why."""


class CacheMoved(WebappError):
    """Raised when Redis is not as the projector left it: emptied, gone back in time, or written by another."""


class PositionLost(WebappError):
    """Raised when a topic no longer has the position to read from: it was made anew or cut short."""


class BadInput(WebappError):
    """Raised when what a person or program sent is not acceptable; the text says what is."""


class UnknownCustomer(WebappError):
    """Raised when no view and no recent action knows the customer."""


class TooManyStreams(WebappError):
    """Raised when as many browsers follow the changes as the web app serves."""
