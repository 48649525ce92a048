"""The demo venue's papers: made by a seeded grammar, so that nobody's text is copied.

Every abstract states a dozen facts in sentences that vary; each fact stands in it verbatim. Kinds,
problems and techniques of one theme are drawn independently of each other, so that a fact cannot be
guessed from another one: a model has to read. Years from :data:`TEST_FROM` on use names of their
own, so that no name of a test paper is known from training.
"""

import random
from dataclasses import dataclass

FIRST_YEAR = 2005
TEST_FROM = 2022
PER_YEAR = 40  # names set aside for each year


@dataclass(frozen=True)
class Paper:
    """One paper of the demo venue.

    ``key`` is unique and fit for a url; ``facts`` maps a field to its value, which stands in the
    abstract word for word.
    """

    key: str
    title: str
    authors: list[str]
    year: int
    abstract: str
    facts: dict[str, str]


def _listed(text: str) -> list[str]:
    return text.split(", ")


PREFIXES = _listed(
    "Amber, Argo, Aspen, Basalt, Beryl, Cedar, Cobalt, Comet, Coral, Delta, Ember, Falcon, Fjord, "
    "Garnet, Glacier, Harbor, Hazel, Heron, Indigo, Iris, Jade, Juniper, Kestrel, Lotus, Lunar, "
    "Maple, Meteor, Nimbus, Onyx, Orion, Osprey, Pebble, Quartz, Raven, Saffron, Sierra, Talon, "
    "Umber, Willow, Zephyr"
)
SUFFIXES = _listed(
    "Bridge, Cell, Core, Drive, Flow, Forge, Gate, Lane, Line, Link, Loop, Mesh, Path, Point, "
    "Scope, Sync, Track, Vault, Wave, Wire"
)

# theme → (kinds of thing, problems, techniques)
THEMES = {
    "memory": (
        "hardware prefetcher, cache replacement policy, memory controller, compressed cache, "
        "victim buffer, page table walker",
        "cache misses, TLB misses, bank conflicts, row buffer misses, memory stalls, write bursts",
        "a sampled reuse counter, a table of recent deltas, signatures of past addresses, a "
        "shadow directory, per-bank write queues, a dead block predictor",
    ),
    "core": (
        "branch predictor, instruction scheduler, register renaming scheme, load store queue, "
        "value predictor, trace cache",
        "branch mispredictions, fetch bubbles, register pressure, order violations, "
        "dependence chains, issue queue stalls",
        "a perceptron over global history, a loop exit counter, checkpoints of the rename "
        "map, a matrix of waiting instructions, confidence counters, a filter of store "
        "addresses",
    ),
    "network": (
        "on-chip router, deflection network, ring interconnect, coherence protocol, multicast "
        "tree, photonic crossbar",
        "link congestion, hot spot traffic, router delay, barrier latency, broadcast storms, "
        "head-of-line blocking",
        "express virtual channels, a credit free handshake, early destination hints, adaptive "
        "path selection, a tree of tiny arbiters, packet chaining",
    ),
    "accelerator": (
        "systolic array, sparse tensor engine, graph accelerator, dataflow fabric, "
        "near-memory processor, string matching engine",
        "idle processing elements, irregular accesses, load imbalance, off-chip traffic, "
        "kernel launch overhead, padding with zeros",
        "a bitmap of nonzero values, double buffered scratchpads, work stealing queues, "
        "vertex reordering, operand reuse windows, dynamic tile shapes",
    ),
    "power": (
        "power management unit, thermal governor, error correction scheme, checkpointing "
        "engine, refresh controller, clock distribution grid",
        "leakage power, thermal hot spots, soft errors, refresh stalls, voltage droops, clock "
        "jitter",
        "per-core frequency scaling, retention time profiles, residue codes, a ring of canary "
        "circuits, selective replication, a thermal model in hardware",
    ),
}
DOMAINS = _listed(
    "web servers, database engines, search engines, key-value stores, video encoders, speech "
    "recognisers, genome aligners, weather models, game engines, robot controllers, mobile "
    "phones, graph databases"
)
SUITES = _listed(
    "PARSEC, SPEC CPU, CloudSuite, Rodinia, MediaBench, Graph500, SPLASH, MiBench, Parboil, "
    "BioBench, Olden, YCSB, TPC-C, EEMBC"
)
SIMULATORS = _listed(
    "gem5, ZSim, Sniper, ChampSim, MARSS, SimpleScalar, Flexus, Simics, PTLsim, Graphite"
)
RISING = _listed("throughput, performance, memory bandwidth, instructions per cycle, utilisation")
FALLING = _listed("execution time, energy, tail latency, memory traffic, queueing delay")
RESOURCES = _listed("die area, chip power, cache capacity, pin bandwidth")
GAINS = _listed("8%, 11%, 14%, 17%, 19%, 22%, 26%, 29%, 33%, 37%, 41%, 46%")
COSTS = _listed("0.5%, 0.8%, 1.2%, 1.5%, 2.1%, 2.4%, 3.2%, 3.6%")

# Sentence templates, several per slot. Optional ones carry no fact and only make texts differ.
BACKGROUND = [
    "Modern {domain} suffer from {problem}.",
    "The speed of {domain} is limited by {problem}.",
    "In {domain}, the main bottleneck is {problem}.",
    "For years, {domain} have been held back by {problem}.",
    "Designers of {domain} have long struggled with {problem}.",
]
REMARKS = [
    "Earlier remedies trade silicon for speed and still leave half of the loss on the table.",
    "Bigger buffers only move the trouble elsewhere.",
    "We traced two years of production code and found the same pattern in nearly every program.",
    "Software alone cannot repair this, because it sees the harm only after it is done.",
    "The cause is old, well known and, as we show, widely misunderstood.",
    "A perfect oracle would double the speed of such machines.",
]
PROPOSAL = [
    "We present {name}, {kind} that removes most of this loss.",
    "This paper introduces {name}, {kind} for such machines.",
    "We propose {name}, {kind} that needs no change to software.",
    "We describe {name}, {kind} that is small enough for a real chip.",
]
TECHNIQUE = [
    "{name} uses {technique} to find the right moment to act.",
    "The key idea of {name} is {technique}, kept off the critical path.",
    "{name} relies on {technique} and learns while programs run.",
    "To tell useful work from waste, {name} employs {technique}.",
]
EVALUATION = [
    "We evaluate {name} on the {suite} benchmarks with the {simulator} simulator.",
    "Using the {simulator} simulator, we evaluate {name} on the {suite} benchmarks.",
    "{name} is evaluated on the {suite} benchmarks in the {simulator} simulator.",
    "Experiments with the {simulator} simulator run the {suite} benchmarks to completion.",
]
RESULT = [
    "On average, {name} improves {rising} by {gain} and reduces {falling} by {saving}.",
    "{name} increases {rising} by {gain} over the best known design and cuts {falling} by {saving}.",
    "Compared with prior work, {name} reduces {falling} by {saving} and improves {rising} by {gain}.",
    "{name} lowers {falling} by {saving}, while it raises {rising} by {gain}.",
]
COST = [
    "The hardware adds {cost} of {resource}.",
    "The price is an overhead of {cost} of {resource}.",
    "All of this costs only {cost} of {resource}.",
    "{name} occupies {cost} of {resource}.",
]
CLOSING = [
    "The gains hold when caches shrink to half their size.",
    "A small test chip confirms the simulated results.",
    "We release the traces and the design files.",
    "The idea is simple enough to be taught in a lecture.",
    "Sensitivity studies show where the approach stops paying off.",
    "Even the worst program of the suite does not slow down.",
]
TITLES = [
    "{name}: Taming {problem} in {domain}",
    "{name}: A New Look at {problem}",
    "{name}: Living with {problem} in {domain}",
    "{name}: {kind} for {domain}",
    "Beyond {problem}: {kind} for {domain}",
]
GIVEN = _listed(
    "Ana, Ben, Chen, Dana, Elif, Femi, Greta, Hiro, Ines, Jonas, Kavya, Léa, Marek, Nadia, Oskar, "
    "Priya, Quentin, Rosa, Søren, Tarik, Uma, Viktor, Wen, Yara, Zoë"
)
FAMILY = _listed(
    "Abara, Bianchi, Castro, Dvořák, Eriksen, Farouk, García, Hoffmann, Ito, Jansen, Kowalski, "
    "Lindqvist, Moreau, Nakamura, Okafor, Petrov, Qureshi, Rossi, Şahin, Tanaka, Ueda, Varga, "
    "Weber, Xu, Yilmaz, Zhang"
)


def papers(year: int, count: int, seed: int) -> list[Paper]:
    """The papers of one year; a larger ``count`` adds papers behind the same ones.

    From :data:`TEST_FROM` on, names are taken that no earlier year has. Another seed is another
    venue.

    Raises:
        ValueError: more papers than :data:`PER_YEAR`.
    """
    if not 0 <= count <= PER_YEAR:
        raise ValueError(f"count is {count}, not within 0 and {PER_YEAR}")
    pool = names(year, seed)
    first = (year - (TEST_FROM if year >= TEST_FROM else FIRST_YEAR)) * PER_YEAR
    rng = random.Random(f"papers/{seed}/{year}")
    return [make_paper(rng, pool[(first + i) % len(pool)], year) for i in range(count)]


def names(year: int, seed: int) -> list[str]:
    """The names that papers of a year may bear: 680 before :data:`TEST_FROM`, 120 others after."""
    every = [prefix + suffix for prefix in PREFIXES for suffix in SUFFIXES]
    random.Random(f"names/{seed}").shuffle(every)
    known = (TEST_FROM - FIRST_YEAR) * PER_YEAR
    return every[known:] if year >= TEST_FROM else every[:known]


def make_paper(rng: random.Random, name: str, year: int) -> Paper:
    """One paper about a system of the given name; every other choice is drawn from ``rng``."""
    kinds, problems, techniques = map(_listed, THEMES[rng.choice(sorted(THEMES))])
    gain, saving = rng.sample(GAINS, 2)
    kind = rng.choice(kinds)
    facts = {
        "name": name,
        "kind": f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}",
        "problem": rng.choice(problems),
        "domain": rng.choice(DOMAINS),
        "technique": rng.choice(techniques),
        "suite": rng.choice(SUITES),
        "simulator": rng.choice(SIMULATORS),
        "rising": rng.choice(RISING),
        "gain": gain,
        "falling": rng.choice(FALLING),
        "saving": saving,
        "cost": rng.choice(COSTS),
        "resource": rng.choice(RESOURCES),
    }
    middle = [rng.choice(EVALUATION), rng.choice(RESULT)]
    late = [rng.choice(COST), rng.choice(CLOSING)]
    if rng.random() < 0.3:
        late.reverse()
    early = [rng.choice(which) for which in (BACKGROUND, REMARKS, PROPOSAL, TECHNIQUE)]
    headline = facts | {slot: _headline(facts[slot]) for slot in ("kind", "problem", "domain")}
    title = rng.choice(TITLES).format(**headline)
    families = rng.sample(FAMILY, rng.randint(2, 4))
    return Paper(
        key=f"{name.lower()}-{year}",
        title=title,
        authors=[f"{rng.choice(GIVEN)} {family}" for family in families],
        year=year,
        abstract=" ".join(template.format(**facts) for template in (*early, *middle, *late)),
        facts=facts,
    )


def _headline(words: str) -> str:
    return " ".join(
        word if word in {"of", "with", "in"} else word[0].upper() + word[1:]
        for word in words.split()
    )
