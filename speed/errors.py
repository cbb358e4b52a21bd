"""Errors of the speed layer, named by what the operator can do about them."""

from __future__ import annotations

from lake import FacingsError


class SpeedError(FacingsError):
    """Base of the speed layer's errors."""


class BrokerUnreachable(SpeedError):
    """No broker answers at the address: start it, or correct --brokers."""


class BrokerDistrusted(SpeedError):
    """The broker's certificate is not one that we trust: correct --ca-file or the address."""


class WrongProtocol(SpeedError):
    """The broker speaks TLS or SASL and we don't, or the other way round: correct --security."""


class LoginRefused(SpeedError):
    """The broker knows no such user, password or mechanism: correct them."""


class NotAllowed(SpeedError):
    """The user may not read the topic or join the group: grant it."""


class TopicMissing(SpeedError):
    """There is no such topic: create it, or correct --topic."""


class TopicReplaced(SpeedError):
    """The topic was deleted and made anew while it was read: begin again with the new one."""


class OffsetsLost(SpeedError):
    """The broker no longer has what comes next: events are missing, and somebody has to decide."""


class Unreadable(SpeedError):
    """A batch of records can't be taken apart: a codec is missing, or the bytes are damaged."""


class InstanceTwice(SpeedError):
    """Another process runs under the same --instance-id: give each its own."""


class LakeUnwritable(SpeedError):
    """The lake's storage refuses: free space or correct permissions, then start again; nothing is lost by it."""
