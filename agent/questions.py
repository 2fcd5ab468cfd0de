"""Requests under way: who is told the reply, the pump itself or somebody at the desk."""

from __future__ import annotations

from collections.abc import Callable

from agent import actions as a
from protocol.conversation import Conversation
from protocol.errors import ProtocolError
from protocol.events import FailReason
from protocol.messages import Reply, Request

Then = Callable[[Reply | None, int, int], None]
"""Called with the reply, or None where none came, and with now and wall."""


class Questions:
    def __init__(self) -> None:
        self._waiting: dict[int, Then] = {}
        self._asked: dict[int, int] = {}  # request id -> the desk's token

    @property
    def own(self) -> bool:
        """One of the pump's own is under way."""
        return bool(self._waiting)

    def put(self, talk: Conversation, message: Request, now: int, then: Then) -> None:
        self._waiting[talk.request(message, now)] = then

    def put_for_desk(self, talk: Conversation, asked: a.Ask, now: int) -> list[a.Action]:
        try:
            self._asked[talk.request(asked.message, now)] = asked.token
        except ProtocolError:  # no words for it, or none so long
            return [a.Answer(asked.token, None, FailReason.REFUSED)]
        return []

    def answered(self, request_id: int, reply: Reply | FailReason, now: int, wall: int) -> list[a.Action]:
        """The reply, or why there is none; answers for the desk come back."""
        failed = reply if isinstance(reply, FailReason) else None
        given = None if isinstance(reply, FailReason) else reply
        then = self._waiting.pop(request_id, None)
        if then is not None and failed in {None, FailReason.NO_ANSWER}:  # else with its session: the next begins anew
            then(given, now, wall)
        token = self._asked.pop(request_id, None)
        return [] if token is None else [a.Answer(token, given, failed)]

    def forget(self) -> None:
        """The session is over: nothing of the pump's own is waited for."""
        self._waiting.clear()
