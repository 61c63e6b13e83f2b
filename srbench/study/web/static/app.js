// The rater's page. Answers go into a box in the browser first and leave it when the server has
// them on its disk: a lost network or a full disk costs no answer. Nothing here knows rows.
const $ = (id) => document.getElementById(id);
const BOX = "srbench-study:" + new URL(".", location.href).pathname;
const AHEAD = 6;
const WORDS = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const state = { about: null, trials: [], examples: [], place: 0, shown: 0, busy: true, sending: false };

const kept = () => JSON.parse(localStorage.getItem(BOX) || '{"token": "", "unsent": []}');
const keep = (change) => localStorage.setItem(BOX, JSON.stringify({ ...kept(), ...change }));
const hex = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function ask(path, body) {
  const headers = { Authorization: "Bearer " + kept().token };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const reply = await fetch(path, { method: body === undefined ? "GET" : "POST", headers, cache: "no-store",
    credentials: "omit", body: body === undefined ? undefined : JSON.stringify(body), signal: AbortSignal.timeout(15000) });
  const document = await reply.json().catch(() => ({}));
  if (!reply.ok) throw Object.assign(new Error(document.error || "The server did not answer as expected."), { status: reply.status });
  return document;
}

const problem = (text) => { $("problem").textContent = text; };

function show(id) {
  for (const section of document.querySelectorAll("section")) section.hidden = section.id !== id;
  document.body.classList.toggle("judging", id === "stage");
  problem("");
  $(id).querySelector("h1[tabindex]")?.focus();
}

// Pictures are decoded ahead, so that no trial waits.
const pictures = new Map();
function picture(name) {
  if (!pictures.has(name)) {
    const image = new Image();
    image.alt = "";
    image.src = "media/" + name;
    const ready = image.decode().catch(async () => { pictures.delete(name); await wait(1000); return picture(name); });
    pictures.set(name, ready.then((other) => other || image));
  }
  return pictures.get(name);
}
const namesOf = (trial) => [...trial.images, ...(trial.reference ? [trial.reference] : [])];
const load = (trial) => Promise.all(namesOf(trial).map(picture));
async function preload() {
  for (const trial of [...state.examples, ...state.trials.filter((t) => !t.done)]) await load(trial);
}

// Whole device pixels for each pixel of a crop: the browser never interpolates.
function pixelsEach(columns, rows) {
  const ratio = window.devicePixelRatio || 1, { crop, zoom } = state.about;
  const wide = (window.innerWidth - 24 - 16 * columns) / columns;
  const high = (window.innerHeight - 250) / rows;
  const fits = Math.floor((Math.min(wide, high) * ratio) / crop);
  return Math.max(1, Math.min(fits, Math.floor(zoom * ratio)));
}

function draw(trial, labels, pick) {
  const count = namesOf(trial).length;
  const upright = window.innerWidth < window.innerHeight && count === 3;
  state.each = upright ? pixelsEach(2, 2) : pixelsEach(count, 1);
  const side = (state.about.crop * state.each) / (window.devicePixelRatio || 1);
  if (side * (upright ? 2 : count) > window.innerWidth) problem("This window is too small to show the pictures whole.");
  const figure = async (name, label, index) => {
    const box = document.createElement("figure"), image = (await picture(name)).cloneNode();
    image.style.width = image.style.height = side + "px";
    image.alt = label;
    let held = image;
    if (index !== undefined && pick) {
      held = document.createElement("button");
      Object.assign(held, { type: "button", className: "choice" });
      held.setAttribute("aria-label", label);
      held.append(image);
      held.addEventListener("click", () => pick(index));
    }
    const caption = document.createElement("figcaption");
    caption.textContent = label;
    box.append(held, caption);
    return box;
  };
  const order = trial.images.map((name, index) => [name, labels[index], index]);
  if (trial.reference) order.splice(upright || trial.images.length < 2 ? 0 : 1, 0, [trial.reference, "Original"]);
  return Promise.all(order.map((parts) => figure(...parts))).then((boxes) => {
    if (upright) boxes[0].style.flexBasis = "100%";
    if (upright) boxes[0].querySelector("img").style.marginInline = "auto";
    $("pictures").replaceChildren(...boxes);
  });
}

function buttons(entries) {
  $("answers").replaceChildren(...entries.map(([text, key, act]) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: text });
    button.dataset.key = key;
    button.addEventListener("click", act);
    return button;
  }));
}

const pairs = () => state.about.design === "pairs";
function question(reference) {
  if (!pairs()) return "How good is this picture?";
  return reference ? "Which one looks more like the original?" : "Which one looks better?";
}

// Nothing can be answered while pictures are on their way to the screen.
function busy(now) {
  state.busy = now;
  $("stage").setAttribute("aria-busy", String(now));
}

async function example() {
  const shown = state.examples[state.place];
  if (!shown) return begin();
  busy(true);
  buttons([]);
  $("question").textContent = "Example: which one looks more like the original?";
  $("feedback").textContent = "";
  const pick = (index) => {
    if (state.busy) return;
    const right = index === shown.better;
    document.querySelectorAll(".choice")[shown.better].classList.add("right");
    $("feedback").textContent = right ? "Yes: the framed one is the original itself." : "Look again: the framed one is the original itself.";
    buttons([["Next", "Enter", () => { state.place += 1; example(); }]]);
  };
  await draw(shown, ["Left", "Right"], pick);
  buttons([["Left (←)", "ArrowLeft", () => pick(0)], ["Right (→)", "ArrowRight", () => pick(1)]]);
  busy(false);
}

async function begin() {
  state.place = state.trials.findIndex((trial) => !trial.done);
  $("feedback").textContent = "";
  await trial();
}

async function trial() {
  const current = state.trials[state.place];
  tell();
  if (!current) return finish();
  busy(true);
  $("question").textContent = question(current.reference);
  const choices = pairs()
    ? [["Left (←)", "ArrowLeft", "first"], ...(state.about.ties ? [["No difference (↓)", "ArrowDown", "tie"]] : []), ["Right (→)", "ArrowRight", "second"]]
    : WORDS.map((word, index) => [`${word} (${index + 1})`, String(index + 1), String(index + 1)]);
  await load(current);
  await draw(current, pairs() ? ["Left", "Right"] : ["Picture"], pairs() ? (index) => answer(["first", "second"][index]) : null);
  if (!$("answers").querySelector("[data-key]") || $("answers").dataset.of !== "trial") buttons(choices.map(([text, key, value]) => [text, key, () => answer(value)]));
  $("answers").dataset.of = "trial";
  state.shown = performance.now();
  busy(false);
  for (const next of state.trials.slice(state.place + 1, state.place + AHEAD)) load(next);
}

function answer(value) {
  const current = state.trials[state.place];
  if (state.busy || !current || current.done) return; // a second press answers nothing
  busy(true);
  current.done = true;
  const vote = { trial: current.id, nonce: hex(), answer: value, shown_ms: Math.round(performance.now() - state.shown),
    pixel_ratio: window.devicePixelRatio || 1, pixels_each: state.each, width: window.innerWidth, height: window.innerHeight };
  keep({ unsent: [...kept().unsent, vote] });
  send();
  state.place = state.trials.findIndex((other) => !other.done);
  trial();
}

async function send() {
  if (state.sending) return;
  state.sending = true;
  for (let pause = 500; kept().unsent.length; ) {
    const [vote] = kept().unsent;
    try {
      await ask("api/vote", vote);
    } catch (error) {
      const refused = error.status >= 400 && error.status < 500 && error.status !== 429 && error.status !== 408;
      if (!refused) {
        tell(error.status === 507 ? error.message : "");
        await Promise.race([wait(pause), new Promise((go) => addEventListener("online", go, { once: true }))]);
        pause = Math.min(2 * pause, 15000);
        continue;
      }
      problem(error.message); // the server has another answer to this trial, or wants none: it decides
    }
    pause = 500;
    keep({ unsent: kept().unsent.filter((other) => other.nonce !== vote.nonce) });
    tell();
  }
  state.sending = false;
  if (!$("end").hidden) finish();
}

function tell(text) {
  const done = state.trials.filter((one) => one.done).length, left = kept().unsent.length;
  $("progress").max = state.trials.length || 1;
  $("progress").value = done;
  $("count").textContent = `${done} of ${state.trials.length}`;
  $("unsent").textContent = left > 1 || text ? `${left} not sent yet. ${text || ""}` : "";
}

function finish() {
  if ($("end").hidden) show("end");
  const left = kept().unsent.length;
  $("end-text").textContent = left ? `${left} answers are still being sent: please leave this page open.` : "All your answers have arrived. You can close this page.";
}

async function enter() {
  const session = await ask("api/session");
  const unsent = new Set(kept().unsent.map((vote) => vote.trial));
  state.trials = session.trials.map((one) => ({ ...one, done: one.done || unsent.has(one.id) }));
  state.examples = session.examples;
  state.place = 0;
  $("my-code").textContent = $("pause-code").textContent = kept().token;
  const begun = state.trials.some((one) => one.done);
  $("how").textContent = (pairs()
    ? "You see two versions of a picture. Choose the one that " + (session.trials[0].reference ? "looks more like the original" : "looks better") + ", with the arrow keys or by touching it."
    : "You see one picture at a time. Say how good it is, from 1 (bad) to 5 (excellent), with the number keys or by touch.")
    + " If you cannot tell, go with your first impression." + (begun ? "\n\nYou go on where you left." : "");
  $("to-examples").textContent = begun ? "Continue" : "Show me examples";
  preload();
  send();
  show("training");
}

function about() {
  document.title = state.about.title;
  for (const place of document.querySelectorAll("[data-title]")) place.textContent = state.about.title;
  $("consent-text").textContent = state.about.consent;
  $("questions").replaceChildren(...state.about.questions.map((text) => {
    const label = document.createElement("label"), input = document.createElement("input");
    input.maxLength = 200;
    label.append(text, input);
    return label;
  }));
}

const attempt = (act) => async (event) => {
  event?.preventDefault();
  try { await act(); } catch (error) { problem(error.status ? error.message : "No connection: please try again."); }
};
$("join").addEventListener("submit", attempt(async () => {
  const answers = [...$("questions").querySelectorAll("input")].map((input) => input.value);
  const { token } = await ask("api/join", { consent: $("agree").checked, answers });
  keep({ token, unsent: [] });
  await enter();
}));
$("return").addEventListener("submit", attempt(async () => {
  const before = kept(), token = $("code").value.trim();
  keep({ token, unsent: before.token === token ? before.unsent : [] });
  await enter();
}));
$("to-examples").addEventListener("click", attempt(async () => {
  show("stage");
  $("answers").dataset.of = "example";
  await (state.trials.some((one) => one.done) ? begin() : example());
}));
$("leave").addEventListener("click", () => show("paused"));
$("resume").addEventListener("click", attempt(async () => { show("stage"); await begin(); }));
$("withdraw").addEventListener("click", attempt(async () => {
  if (!confirm("None of your answers will be used. Withdraw?")) return;
  await ask("api/withdraw", {});
  localStorage.removeItem(BOX);
  location.reload();
}));
addEventListener("keydown", (event) => {
  if ($("stage").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = $("answers").querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!button || (event.key === "Enter" && event.target.tagName === "BUTTON")) return;
  event.preventDefault();
  button.click();
});
addEventListener("online", send);
addEventListener("resize", () => { if (!$("stage").hidden && $("answers").dataset.of === "trial" && !state.busy) trial(); });

state.about = await ask("api/study").catch(() => null);
if (!state.about) problem("The study cannot be reached: please reload this page.");
else {
  about();
  if (kept().token) await enter().catch((error) => { if (error.status !== 401 && error.status !== 403) problem("No connection: please reload this page."); else show("consent"); });
  else show("consent");
}
