// The answers of the study: numbers of all questions at once, texts piece by piece; no element is made here.
const answers = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.pairs.length;
  const CUT = 1, EMPTY = 2, IN_PART = 4, MISSING = 8;
  const KINDS = ["wrong", "all_wrong", "disagree", "cut", "empty", "in_part", "unanswerable"];
  const runsOf = data.models.map((_, model) =>
    data.runs.flatMap(([own], run) => (own === model ? [run] : [])));

  // ---- pieces: in the page, or scripts beside it that make one call each -------

  const pieces = [], awaited = [];
  const take = (number, piece) => {
    pieces[number] = piece;
    return piece;
  };
  window.papertuneAnswers = (number, piece) => { take(number, piece); };
  const fetched = (number) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.onload = () => {
      script.remove();
      if (pieces[number]) resolve(pieces[number]);
      else reject(new Error(`explorer/${number}.js has no answers`));
    };
    script.onerror = () => {
      awaited[number] = undefined;  // asked for again the next time
      script.remove();
      reject(new Error(`explorer/${number}.js is not beside this page, or not of it`));
    };
    script.src = `explorer/${number}.js`;
    document.head.append(script);
  });
  /** The piece if it is there: one in the page always is. */
  const ready = (number) => {
    if (pieces[number] || data.beside) return pieces[number];
    return take(number, JSON.parse(document.getElementById(`answers-${number}`).textContent));
  };
  const load = (number) => (awaited[number] ??= fetched(number));
  const pieceOf = (question) => {
    let low = 0, high = data.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (data.starts[middle] <= question) low = middle; else high = middle - 1;
    }
    return low;
  };
  /** Whether all questions' texts are there; else a promise of them. */
  const texts = (questions) => {
    const lacking = [...new Set(questions.map(pieceOf))].filter((number) => !ready(number));
    return lacking.length ? Promise.all(lacking.map(load)) : null;
  };
  const item = (question) => {
    const number = pieceOf(question), piece = ready(number);
    const found = piece.questions[question - data.starts[number]];
    return { ...found, paper: piece.documents[found.document] };
  };
  /** Calls each with every piece, loading what is not there yet; `going` says how far it is. */
  const every = async (each, going) => {
    for (let number = 0; number < data.starts.length; number++) {
      if (!ready(number)) await load(number);
      if (going(number + 1, data.starts.length) === false) return false;
      each(pieces[number], data.starts[number]);
    }
    return true;
  };

  // ---- numbers ---------------------------------------------------------------

  const worse = (score, limit) => (data.higher ? score < limit : score > limit);
  const means = runsOf.map((runs) => Float64Array.from({ length: count }, (_, question) => {
    let sum = 0, scored = 0;
    for (const run of runs) {
      const score = data.scores[run][question];
      if (score !== null) { sum += score; scored++; }
    }
    return scored ? sum / scored : NaN;
  }));
  const spread = Float64Array.from({ length: count }, (_, question) => {
    let low = Infinity, high = -Infinity;
    for (const mean of means) {
      if (mean[question] < low) low = mean[question];
      if (mean[question] > high) high = mean[question];
    }
    return high < low ? NaN : high - low;
  });

  /** What is said of a question, as a number with a bit for each of KINDS. */
  const kinds = (question, runs, wrong, apart) => {
    let any = 0, wrongs = 0, scored = 0, bits = 0;
    for (const run of runs) {
      any |= data.flags[run][question];
      const score = data.scores[run][question];
      if (score !== null && worse(score, wrong)) bits |= 1;
    }
    for (let run = 0; run < data.runs.length; run++) {
      const score = data.scores[run][question];
      if (score !== null) { scored++; if (worse(score, wrong)) wrongs++; }
    }
    if (scored && wrongs === scored) bits |= 2;
    if (spread[question] >= apart) bits |= 4;
    if (any & CUT) bits |= 8;
    if (any & (EMPTY | MISSING)) bits |= 16;
    if (any & IN_PART) bits |= 32;
    if (data.unanswerable[question]) bits |= 64;
    return bits;
  };

  const sorted = (questions, key, sign) => {
    const by = new Float64Array(count);
    for (const question of questions) {
      const value = key(question);
      by[question] = Number.isNaN(value) ? Infinity : value * sign;
    }
    return questions.sort((a, b) => by[a] - by[b] || a - b);
  };
  const overall = (question) => {
    let sum = 0, scored = 0;
    for (const mean of means) {
      if (!Number.isNaN(mean[question])) { sum += mean[question]; scored++; }
    }
    return scored ? sum / scored : NaN;
  };

  /** The questions that pass, in their order, and how many there are of each of KINDS before these pass. */
  const chosen = (asked, found) => {
    const number = (name) => (asked[name] === "" ? null : Number(asked[name]));
    const [set, year, who, low, high] = ["set", "year", "who", "low", "high"].map(number);
    const judged = who === null ? means : [means[who]];
    const runs = who === null ? data.runs.map((_, run) => run) : runsOf[who];
    const wanted = KINDS.reduce((bits, kind, place) =>
      bits | (asked.show.includes(kind) ? 1 << place : 0), 0);
    const inRange = (mean) => (low === null || mean >= low) && (high === null || mean <= high);
    const counts = KINDS.map(() => 0), passed = [];
    for (let question = 0; question < count; question++) {
      if (set !== null && data.set[question] !== set) continue;
      if (year !== null && data.year[question] !== year) continue;
      if (asked.writer !== "" && data.writers[data.set[question]] !== asked.writer) continue;
      if ((low !== null || high !== null) && !judged.some((mean) => inRange(mean[question]))) continue;
      if (found && !found[question]) continue;
      const bits = kinds(question, runs, Number(asked.wrong), Number(asked.apart));
      for (let place = 0; place < counts.length; place++) if (bits >> place & 1) counts[place]++;
      if ((bits & wanted) === wanted) passed.push(question);
    }
    const score = who === null ? overall : (question) => means[who][question];
    const than = (question) => score(question) - means[Number(asked.than)][question];
    const orders = {
      newest: [(question) => data.year[question], -1], lowest: [score, 1], highest: [score, -1],
      difference: [than, -1], spread: [(question) => spread[question], -1],
      longest: [(question) => data.length[question], -1],
    };
    return { questions: orders[asked.order] ? sorted(passed, ...orders[asked.order]) : passed, counts };
  };

  return { ...data, count, KINDS, CUT, IN_PART, MISSING, runsOf, means, texts, item, every, worse, chosen };
})();
