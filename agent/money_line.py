"""The money lane on its line: what the conversation says goes to the lane, what the lane wants said goes out."""

from __future__ import annotations

from agent.lane import Lane
from agent.money_queries import Moment, Told
from protocol.conversation import Conversation
from protocol.errors import ProtocolError
from protocol.events import ConversationEvent, Progressed, Replied, RequestFailed, SessionClosed
from protocol.messages import Confirm, Message, TerminalHello


def fits(talk: Conversation, message: Message) -> bool:
    """The dialect has words for it, values and all."""
    try:
        return talk.speaks(type(message)) and bool(talk.dialect.encode(message))
    except ProtocolError:
        return False


def hear(lane: Lane, event: ConversationEvent, at: Moment) -> None:
    """What of the conversation's events the lane waits for; the others are nothing to it."""
    match event:
        case SessionClosed():
            lane.closed(at)
        case Replied(request_id, reply):
            lane.answered(request_id, reply, at)
        case RequestFailed(request_id, reason):
            lane.answered(request_id, reason, at)
        case Progressed(request_id, progress):
            lane.progress(request_id, progress.stage)


def begin(lane: Lane, hello: TerminalHello | None, at: Moment) -> None:
    lane.begin(Told(hello), at)


def say(lane: Lane, talk: Conversation, at: Moment) -> bool:
    """Send what the lane wants sent at this moment; True if that was anything."""
    lane.by_the_clock(at)
    sends, lane.sends = lane.sends, []
    for case, message in sends:
        if isinstance(message, Confirm):
            talk.send(message, at.now)
        else:
            lane.sent(case, message, talk.request(message, at.now))
    return bool(sends)
