"""How a pairing begins and ends (docs/protocol.md §2): a person's yes and no, the clock, attempts, and the session beside it."""

from __future__ import annotations

from random import Random

import pytest

from protocol.dialect import Delivered, LinkClosed, LinkKeys, LinkOpened, Role
from protocol.dialects.native import pairing as module
from protocol.dialects.native.noise import KeyPair
from protocol.events import (
    CloseReason,
    KeyRefused,
    Paired,
    PairingFailed,
    PairingFailure,
    PairingShown,
    SecurityKind,
    SecurityNotice,
)
from tests.protocol.pair import STATIC, Pair, conversation, link, links
from tests.protocol.pairing_bench import (
    AGENT,
    AGENT_STATES,
    ORDER,
    TERMINAL,
    TERMINAL_STATES,
    at,
    shown,
    two,
    unpaired,
    upset,
    written,
)
from tests.protocol.stranger import Noise, heard, say

TO_TERMINAL, TO_AGENT = 0, 1
STATES = [(AGENT, state) for state in AGENT_STATES] + [(TERMINAL, state) for state in TERMINAL_STATES]
CANCELLED, BROKEN, NO_ANSWER = (
    PairingFailed(reason) for reason in (PairingFailure.CANCELLED, PairingFailure.BROKEN, PairingFailure.NO_ANSWER)
)
ANOTHER = KeyPair.from_private(Random("another").randbytes(32))


def knock(seed: int) -> bytes:
    """PAIR_1 of some agent."""
    noise = Noise("XX", initiator=True, own=ANOTHER.private, ephemeral=Random(f"knock {seed}").randbytes(32))
    return say("PAIR_1", TO_TERMINAL, noise.write())


def other(role: Role) -> Role:
    return TERMINAL if role is AGENT else AGENT


# -- a person's yes ----------------------------------------------------------------------------------------------------


def test_both_confirm_and_a_session_stands_under_the_new_keys() -> None:
    pair = two().run(100)
    pair.run(3_000)
    assert pair.of(AGENT, LinkOpened) == []  # a number that nobody compared opens nothing
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
    pair.run(50)
    for role in (AGENT, TERMINAL):
        assert pair.of(role, Paired) == [Paired(STATIC[other(role)].public)]
    assert pair.of(AGENT, LinkOpened)
    pair.agent.send(b"ask", urgent=True)
    pair.terminal.send(b"nothing yet", urgent=True)
    pair.run(50)
    assert [event.message for event in pair.of(TERMINAL, Delivered)] == [b"ask"]
    assert pair.of(AGENT, SecurityNotice) == pair.of(TERMINAL, SecurityNotice) == []


def test_a_link_made_with_the_keys_that_were_told_needs_no_pairing() -> None:
    """What Paired told is what is to be kept: after a restart of both ends it opens sessions."""
    pair = two().run(100)
    kept = {}
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
        pair.run(5)
        (paired,) = pair.of(role, Paired)
        kept[role] = LinkKeys(STATIC[role].private, paired.peer)
    again = Pair(link(AGENT, seed=2, keys=kept[AGENT]), link(TERMINAL, seed=2, keys=kept[TERMINAL])).open().run(50)
    assert again.agent.is_open


@pytest.mark.parametrize("role, state", [(role, state) for role, state in STATES if state != "comparing"])
def test_a_yes_before_the_number_is_shown_is_no_yes(role: Role, state: str) -> None:
    pair = at(role, state)
    end = pair.ends[role]
    end.confirm_pairing(1)
    assert end.take() == [] and end.outgoing(1) == b"" and end._pairing.state == state
    pair.run(2_500)  # the pairing goes on, and waits for a person
    ours, theirs = shown(pair)
    assert ours == theirs
    assert pair.of(role, Paired) == []


def test_a_yes_without_a_pairing_is_nothing() -> None:
    for role in (AGENT, TERMINAL):
        end = unpaired(role)
        end.confirm_pairing(1)
        assert end.take() == [] and end.outgoing(1) == b"" and end.deadline is None
        pair = at(role, "comparing")
        pair.ends[role].confirm_pairing(1)
        pair.ends[role].take()
        pair.ends[role].confirm_pairing(2)  # twice
        assert pair.ends[role].take() == []


@pytest.mark.parametrize("role", [AGENT, TERMINAL])
def test_a_yes_at_one_end_alone_makes_no_session(role: Role) -> None:
    pair = two().run(100)
    pair.forget()
    pair.ends[role].confirm_pairing(pair.now)
    pair.run(30_000)
    assert not pair.agent.is_open and not pair.terminal.is_open
    assert pair.of(role, Paired) == [Paired(STATIC[other(role)].public)]
    assert len(pair.of(AGENT, KeyRefused)) == (30 if role is AGENT else 0)
    assert pair.told[other(role)] in ([], pair.of(AGENT, KeyRefused))  # the other end accuses nobody
    pair.ends[other(role)].confirm_pairing(pair.now)  # late, within its two minutes
    pair.run(1_100)
    assert pair.agent.is_open


# -- a person's no, and a new beginning --------------------------------------------------------------------------------


@pytest.mark.parametrize("role, state", STATES)
def test_a_no_ends_it_at_every_state(role: Role, state: str) -> None:
    pair = at(role, state)
    pair.forget()
    end = pair.ends[role]
    end.cancel_pairing()
    assert end.take() == [CANCELLED]
    assert end._pairing.state == "idle" and end.deadline is None
    end.confirm_pairing(1)
    end.cancel_pairing()
    assert end.take() == []
    pair.run(200_000)
    assert pair.of(role, Paired) == [] and pair.of(role, PairingShown) == []
    assert CANCELLED not in pair.told[other(role)]  # the other end finds out by itself
    assert pair.ends[other(role)]._pairing.state == "idle"
    pair.forget()
    for again in (TERMINAL, AGENT):
        pair.ends[again].pair(pair.now)
    pair.run(100)
    ours, theirs = shown(pair)
    assert ours == theirs


@pytest.mark.parametrize("role, state", STATES)
def test_beginning_anew_cancels_what_was_under_way(role: Role, state: str) -> None:
    pair = at(role, state)
    end = pair.ends[role]
    end.pair(5)
    assert end.take() == [CANCELLED]
    assert end._pairing.state == ("knocked" if role is AGENT else "listening")
    assert [frame.type for frame in heard(end.outgoing(5))] == (["PAIR_1"] if role is AGENT else [])


def test_an_agent_that_begins_anew_ends_the_pairing_whose_number_the_terminal_shows() -> None:
    """The number never changes under a finger: a person must allow the next one."""
    pair = two().run(100)
    ours, theirs = shown(pair)
    pair.forget()
    pair.agent.pair(pair.now)
    pair.run(5_000)
    assert pair.told == {AGENT: [CANCELLED], TERMINAL: [CANCELLED]}
    assert written(pair, TERMINAL) == [] and pair.terminal._pairing.state == "idle"
    pair.terminal.confirm_pairing(pair.now)  # yes to the number that was there
    assert pair.terminal.take() == [] and pair.terminal._peer is None
    pair.terminal.pair(pair.now)  # a person allows it: the agent still says its word every second
    pair.run(2_000)
    again, at_terminal = shown(pair)
    assert again == at_terminal != theirs == ours
    pair.terminal.confirm_pairing(pair.now)
    assert pair.terminal.take() == [Paired(STATIC[AGENT].public)]


@pytest.mark.parametrize("said_yes", [False, True], ids=["both still compare", "the agent's person said yes"])
@pytest.mark.parametrize("late", [0, 1_000, 119_000])
def test_a_stranger_cannot_put_his_number_under_a_persons_finger(said_yes: bool, late: int) -> None:
    """Two compared, a stranger on the line begins anew in the agent's name, and the yes of a moment later is for the first one."""
    pair = two().run(100)
    ours, theirs = shown(pair)
    assert ours == theirs
    pair.run(late)
    pair.forget()
    if said_yes:
        pair.agent.confirm_pairing(pair.now)  # its HELLO is on the line, and tells him when
        pair.agent.outgoing(pair.now)  # he drops it
    terminal, noise = pair.terminal, Noise("XX", initiator=True, own=ANOTHER.private)
    terminal.receive(say("PAIR_1", TO_TERMINAL, noise.write()), pair.now)
    answers = heard(terminal.outgoing(pair.now))
    if answers:  # he goes as far as he is let
        noise.read(answers[0].body)
        terminal.receive(say("PAIR_3", TO_TERMINAL, noise.write()), pair.now)
        terminal.receive(say("PAIR_5", TO_TERMINAL, bytes(32)), pair.now)
    terminal.confirm_pairing(pair.now)
    assert terminal.take() == [CANCELLED]
    assert terminal._peer is None and terminal._pairing.state == "idle" and terminal.deadline is None
    for seed in range(9):  # and nothing begins again by itself
        terminal.receive(knock(seed), pair.now + seed)
    assert terminal.outgoing(pair.now) == b"" and terminal.take() == []


def test_a_number_that_was_voided_cannot_be_confirmed() -> None:
    """A stranger knocks while a person compares: his yes, a moment later, pins nobody."""
    pair = two().run(100)
    pair.forget()
    pair.terminal.receive(knock(1), pair.now)
    pair.terminal.confirm_pairing(pair.now)
    assert pair.terminal.take() == [CANCELLED]
    assert pair.terminal._pairing.state == "idle" and pair.terminal.outgoing(pair.now) == b""


def test_the_knock_that_led_to_the_number_may_be_heard_again() -> None:
    """A copy that was late on the line, or is said again by anybody: it is no new beginning."""
    pair = two()
    (first,) = (frame for frame in heard(pair.agent.outgoing(0)) if frame.type == "PAIR_1")
    copy = say("PAIR_1", TO_TERMINAL, first.body)
    pair.terminal.receive(copy, 0)
    pair.run(100, steps=500)
    pair.agent.tick(1_000)
    pair.now = 1_000
    pair.run(100)
    before = shown(pair)
    assert len(set(before)) == 1 and len(before) == 2
    pair.terminal.receive(copy, pair.now)
    assert pair.terminal.take() == [] and pair.terminal._pairing.state == "comparing"
    pair.terminal.confirm_pairing(pair.now)
    assert pair.terminal.take() == [Paired(STATIC[AGENT].public)]


# -- attempts ----------------------------------------------------------------------------------------------------------


def test_three_attempts_and_the_fourth_ends_it() -> None:
    """Who stands between has three chances in a million for each time that a person allowed a pairing."""
    pair = at(TERMINAL, "listening")
    terminal = pair.terminal
    for attempt in range(3):
        for _ in range(4):  # the same knock again is the same attempt
            terminal.receive(knock(attempt), attempt)
        assert {frame.type for frame in heard(terminal.outgoing(attempt))} == {"PAIR_2"}
    assert terminal.take() == []
    terminal.receive(knock(3), 4)
    assert terminal.take() == [BROKEN]
    for attempt in range(4, 9):
        terminal.receive(knock(attempt), 5)
    assert terminal.outgoing(5) == b"" and terminal.take() == [] and terminal.deadline is None
    terminal.pair(6)  # a person allows it again
    terminal.receive(knock(9), 6)
    assert [frame.type for frame in heard(terminal.outgoing(6))] == ["PAIR_2"]


def test_a_pairing_that_a_person_allowed_shows_one_number_at_most() -> None:
    """Of the three attempts the first that comes so far is the last: else there would be three numbers to hope for."""
    pair = at(TERMINAL, "listening")
    pair.terminal.receive(knock(1), 0)
    pair.terminal.receive(knock(2), 0)
    pair.terminal.outgoing(0)
    pair.agent.pair(pair.now)
    pair.run(100)
    assert len(shown(pair)) == 2
    pair.forget()
    for _ in range(3):
        pair.agent.pair(pair.now)
        pair.run(12_000)
    assert shown(pair) == []
    assert pair.told[TERMINAL] == [CANCELLED]
    assert pair.told[AGENT] == [CANCELLED, NO_ANSWER, NO_ANSWER, NO_ANSWER]


# -- the clock ---------------------------------------------------------------------------------------------------------


def test_the_figures_of_the_page() -> None:
    assert (module.AGAIN_MS, module.SILENT_MS, module.COMPARE_MS, module.ATTEMPTS) == (1_000, 10_000, 120_000, 3)


@pytest.mark.parametrize("role, state", STATES)
def test_every_state_ends_by_itself_and_at_its_time(role: Role, state: str) -> None:
    """Ten seconds without progress; two minutes for the person, and for the agent that a person lets in."""
    limit = 120_000 if state in ("comparing", "listening") else 10_000
    pair = at(role, state)
    end, spoken = pair.ends[role], []
    now = 0
    while end.take() == []:
        assert end.deadline is not None and end.deadline > now
        now = end.deadline
        end.tick(now)
        if wire := end.outgoing(now):
            spoken.append((now, [frame.type for frame in heard(wire)]))
    assert now == limit
    if role is AGENT and state != "comparing":
        word = {"knocked": "PAIR_1", "known": "PAIR_3", "revealed": "PAIR_5"}[state]
        assert spoken == [(at_ms, [word]) for at_ms in range(1_000, 10_000, 1_000)]
    else:
        assert spoken == []
    assert end.deadline is None
    pair = at(role, state)
    end = pair.ends[role]
    end.tick(limit - 1)
    assert end.take() == []
    end.tick(limit)
    assert end.take() == [NO_ANSWER]


def test_every_step_forward_starts_the_ten_seconds_anew() -> None:
    """Nine seconds between any two frames, and still a number."""
    pair = two()
    now = 0
    for step, kind in enumerate(ORDER):
        by, to = (AGENT, TERMINAL) if step % 2 == 0 else (TERMINAL, AGENT)
        pair.ends[by].tick(now)
        wire = pair.ends[by].outgoing(now)
        assert heard(wire)[-1].type == kind
        now += 4_500
        for role in (AGENT, TERMINAL):
            pair.ends[role].tick(now)
        pair.ends[to].receive(wire, now)
        assert PairingFailed not in {type(event) for event in pair.ends[to].take()}
    assert pair.agent._pairing.state == pair.terminal._pairing.state == "comparing"


def test_a_word_heard_again_is_no_step_forward() -> None:
    """The same frame for ever keeps nobody waiting for ever."""
    pair = at(TERMINAL, "knocked")
    first = pair.agent._pairing._said
    assert first is not None
    line = say("PAIR_1", TO_TERMINAL, first[1])
    for now in range(0, 10_000, 500):
        pair.terminal.tick(now)
        pair.terminal.receive(line, now)
        assert [frame.type for frame in heard(pair.terminal.outgoing(now))] == ["PAIR_2"]
    pair.terminal.tick(10_000)
    assert pair.terminal.take() == [NO_ANSWER]


@pytest.mark.parametrize("role, state", STATES)
@pytest.mark.parametrize("late", [1, 5_000, 8 * 3_600_000])
def test_after_a_late_tick_nothing_is_overdue(role: Role, state: str, late: int) -> None:
    end = at(role, state).ends[role]
    assert end.deadline is not None
    now = end.deadline + late
    end.tick(now)
    end.outgoing(now)
    assert end.deadline is None or end.deadline > now


def test_a_terminal_that_is_told_to_pair_before_the_port_is_open_says_so() -> None:
    for role in (AGENT, TERMINAL):
        end = link(role, keys=LinkKeys(STATIC[role].private))
        end.pair(0)
        assert end.take() == [NO_ANSWER]
        assert end.deadline is None and end.outgoing(0) == b""


@pytest.mark.parametrize("role, state", STATES)
def test_the_pairing_ends_with_the_port(role: Role, state: str) -> None:
    pair = at(role, state)
    end = pair.ends[role]
    end.close()
    assert end.take() == [NO_ANSWER]
    assert end.deadline is None and end.outgoing(1) == b""
    end.open(2)
    end.confirm_pairing(2)
    assert end.take() == [] and end.outgoing(2) == b""


@pytest.mark.parametrize("role", [AGENT, TERMINAL])
def test_a_word_not_yet_written_goes_with_the_port(role: Role) -> None:
    """What the next port is connected to may be another terminal."""
    pair = two()
    if role is TERMINAL:
        pair.terminal.receive(pair.agent.outgoing(0), 0)
    end = pair.ends[role]
    end.close()
    assert end.outgoing(1) == b""
    end.open(2)
    assert end.outgoing(2) == b""


@pytest.mark.parametrize("role", [AGENT, TERMINAL])
def test_a_word_not_yet_written_goes_with_the_pairing(role: Role) -> None:
    """After a person's no nothing of it is written."""
    pair = two()
    if role is TERMINAL:
        pair.terminal.receive(pair.agent.outgoing(0), 0)
    pair.ends[role].cancel_pairing()
    assert pair.ends[role].outgoing(1) == b""


# -- beside a session --------------------------------------------------------------------------------------------------


def words_pass(pair: Pair, word: bytes) -> None:
    for role in (AGENT, TERMINAL):
        pair.ends[role].send(word, urgent=True)
    pair.run(100)
    for role in (AGENT, TERMINAL):
        assert [event.message for event in pair.of(role, Delivered)][-1] == word


def test_a_session_goes_on_through_a_pairing_and_stays_where_the_key_is_the_same() -> None:
    pair = links().join()
    session = pair.agent._session.keys.session
    pair.terminal.pair(pair.now)
    pair.agent.pair(pair.now)
    words_pass(pair, b"while pairing")
    assert len(shown(pair)) == 2
    words_pass(pair, b"while comparing")
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
    words_pass(pair, b"after it")
    assert len(pair.of(AGENT, Paired)) == len(pair.of(TERMINAL, Paired)) == 1
    assert pair.of(AGENT, LinkClosed) == pair.of(TERMINAL, LinkClosed) == []
    assert pair.agent._session.keys.session == session
    pair.run(30_000)
    assert pair.of(AGENT, LinkClosed) == [] and pair.agent.is_open


def test_a_session_not_yet_proved_outlives_a_yes_to_the_same_key() -> None:
    """The agent's end is open, its first frame not yet out, when the terminal's person says yes to the key it had already."""
    pair = links().open().run(20)
    assert pair.agent.is_open and not pair.terminal.is_open
    for role in (TERMINAL, AGENT):
        pair.ends[role].pair(pair.now)
    pair.run(100)
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
    pair.agent.send(b"first words", urgent=True)
    pair.run(100)
    assert [event.message for event in pair.of(TERMINAL, Delivered)] == [b"first words"]
    assert pair.of(AGENT, LinkClosed) == []


@pytest.mark.parametrize("replaced", [AGENT, TERMINAL])
def test_a_pairing_with_another_key_ends_the_session_under_the_old_one(replaced: Role) -> None:
    """One end gets a new device with a key of its own, on the same line: the kept end's session ends when its person says yes."""
    pair = links().join()
    kept = other(replaced)
    fresh = link(replaced, seed=7, keys=LinkKeys(ANOTHER.private))
    fresh.open(pair.now)
    old = pair.ends[replaced]
    pair.ends[replaced] = fresh
    pair.agent, pair.terminal = pair.ends[AGENT], pair.ends[TERMINAL]
    for role in (TERMINAL, AGENT):
        pair.ends[role].pair(pair.now)
    pair.run(100)
    assert len(shown(pair)) == 2
    assert pair.of(kept, LinkClosed) == [] and pair.ends[kept].is_open
    pair.wire[kept].clear()
    session = pair.ends[kept]._session.keys.session
    pair.ends[kept].confirm_pairing(pair.now)
    bye = pair.ends[kept].outgoing(pair.now)
    assert [(frame.type, frame.session) for frame in heard(bye)] == [("BYE", session)]
    old.receive(bye, pair.now)
    assert [event.reason for event in old.take() if isinstance(event, LinkClosed)] == [CloseReason.PEER_LEFT]
    pair.run(5)
    assert len(pair.of(kept, LinkClosed)) == 1 and not pair.ends[kept].is_open
    assert pair.of(kept, Paired) == [Paired(ANOTHER.public)]
    pair.ends[replaced].confirm_pairing(pair.now)
    pair.run(1_100)
    pair.agent.send(b"ask", urgent=True)
    pair.run(100)
    words_pass(pair, b"under the new key")
    pair.forget()  # and the old device is refused now, loudly
    if replaced is AGENT:
        old.close()
        old.open(pair.now)
        old.tick(pair.now)
        pair.terminal.receive(old.outgoing(pair.now), pair.now)
        assert [event.kind for event in pair.terminal.take()] == [SecurityKind.WRONG_KEY]
    else:
        old.close()
        old.open(pair.now)
        pair.agent.close()
        pair.ends[TERMINAL] = old
        pair.agent.open(pair.now)
        pair.run(3_500)
        assert not pair.agent.is_open and pair.of(AGENT, KeyRefused)


def test_a_yes_to_another_key_voids_a_handshake_with_the_old_one() -> None:
    """A HELLO of the old agent was answered before the yes: its first frame after it opens nothing."""
    pair = links().open().run(20)
    terminal, old = pair.terminal, pair.agent
    assert old.is_open and not terminal.is_open
    stranger = link(AGENT, seed=7, keys=LinkKeys(ANOTHER.private))
    stranger.open(pair.now)
    pairing = Pair(stranger, terminal)
    pairing.now = pair.now
    terminal.pair(pairing.now)
    stranger.pair(pairing.now)
    pairing.run(100)
    terminal.confirm_pairing(pairing.now)
    assert [type(event) for event in terminal.take()] == [Paired]
    old.send(b"still I", urgent=True)
    terminal.receive(old.outgoing(pairing.now), pairing.now)
    assert not terminal.is_open and terminal.take() == []


def test_a_yes_to_another_key_voids_the_agents_hello_to_the_old_one() -> None:
    """The agent's HELLO to a terminal that was replaced is out when the person says yes: its late reply opens nothing."""
    agent, old, new = link(AGENT), link(TERMINAL), link(TERMINAL, seed=4, keys=LinkKeys(ANOTHER.private))
    for end in (agent, old, new):
        end.open(0)
    agent.tick(0)
    old.receive(agent.outgoing(0), 0)
    late = old.outgoing(0)
    pair = Pair(agent, new)
    new.pair(0)
    agent.pair(0)
    pair.run(100)
    agent.confirm_pairing(pair.now)
    agent.receive(late, pair.now)
    assert not agent.is_open
    new.confirm_pairing(pair.now)
    pair.run(1_200)
    assert agent.is_open


def test_an_agent_that_seeks_an_old_terminal_can_pair_meanwhile() -> None:
    """HELLO goes on to the pinned one every second, and the pairing beside it."""
    agent = link(AGENT, keys=LinkKeys(STATIC[AGENT].private, ANOTHER.public))
    agent.open(0)
    pair = Pair(agent, unpaired(TERMINAL))
    pair.run(1_500)
    assert len(pair.of(AGENT, KeyRefused)) == 2
    pair.terminal.pair(pair.now)
    pair.agent.pair(pair.now)
    pair.run(2_000)
    assert len(shown(pair)) == 2
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
    pair.run(100)
    assert pair.agent.is_open


def test_a_terminal_that_does_not_pair_is_silent_and_the_agent_gives_up() -> None:
    pair = Pair(unpaired(AGENT), unpaired(TERMINAL))
    pair.agent.pair(0)
    pair.run(60_000)
    assert pair.told == {AGENT: [NO_ANSWER], TERMINAL: []}
    assert pair.wire[TERMINAL] == []
    assert [frame.type for frame in written(pair, AGENT)] == ["PAIR_1"] * 10


def test_conversations_pair_and_tell_it_in_their_own_events() -> None:
    ends = {role: conversation(role, keys=LinkKeys(STATIC[role].private)) for role in (AGENT, TERMINAL)}
    pair = Pair(ends[AGENT], ends[TERMINAL]).open()
    for role in (TERMINAL, AGENT):
        pair.ends[role].pair(pair.now)
    pair.run(100)
    ours, theirs = shown(pair)
    assert ours == theirs
    pair.agent.cancel_pairing(pair.now)
    pair.run(1)
    assert pair.told[AGENT][-1] == CANCELLED
    pair.agent.pair(pair.now)
    pair.run(100)
    assert pair.told[TERMINAL][-1] == CANCELLED
    pair.terminal.pair(pair.now)
    pair.run(1_100)
    assert len(shown(pair)) == 4
    for role in (AGENT, TERMINAL):
        pair.ends[role].confirm_pairing(pair.now)
        pair.run(50)
        assert pair.of(role, Paired) == [Paired(STATIC[other(role)].public)]
    pair.run(1_100)
    assert pair.agent.is_open


def test_a_lost_goodbye_does_not_keep_the_old_session_alive_at_the_end_that_said_yes() -> None:
    pair = links().join()
    fresh = link(AGENT, seed=7, keys=LinkKeys(ANOTHER.private))
    fresh.open(pair.now)
    old, pair.ends[AGENT], pair.agent = pair.agent, fresh, fresh
    pair.terminal.pair(pair.now)
    pair.agent.pair(pair.now)
    pair.run(100)
    pair.terminal.confirm_pairing(pair.now)
    pair.terminal.outgoing(pair.now)  # lost
    pair.terminal.take()
    old.send(b"still I", urgent=True)
    pair.terminal.receive(old.outgoing(pair.now), pair.now)
    assert pair.terminal.take() == []
    assert [frame.type for frame in heard(pair.terminal.outgoing(pair.now))] == ["NO_SESSION"]


def test_a_line_of_one_direction_pairs_nobody() -> None:
    pair = two(fault=upset("PAIR_2", lambda seen, data: []))
    pair.run(30_000)
    assert pair.told == {AGENT: [NO_ANSWER], TERMINAL: [NO_ANSWER]}


@pytest.mark.parametrize("size", [0, 31, 33, 256])
def test_a_knock_of_another_size_is_nobodys_and_costs_no_attempt(size: int) -> None:
    for state in ("listening", "knocked", "known", "comparing"):
        pair = at(TERMINAL, state)
        for _ in range(5):
            pair.terminal.receive(say("PAIR_1", TO_TERMINAL, b"\7" * size), 3)
        assert pair.terminal.take() == [] and pair.terminal.outgoing(3) == b""
        assert pair.terminal._pairing.state == state
