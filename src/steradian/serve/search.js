// The search page: reads the form, asks this server, shows cards. What comes back is put in as text, never as markup.
"use strict";

const STEP = 12, PAUSE = 250;
const form = document.getElementById("query"), list = document.getElementById("results");
const more = document.getElementById("more"), said = document.getElementById("status");
const keyField = document.getElementById("key"), key = keyField.querySelector("input");
const greeting = said.textContent;
let asked = null, timer = null, count = STEP;

key.value = sessionStorage.getItem("steradian-key") || "";

function question() {
  const data = new FormData();
  for (const field of form.querySelectorAll("[name]")) {
    if (field.type === "file") for (const file of field.files) data.append(field.name, file);
    else if (field.value.trim()) data.append(field.name, field.value.trim());
  }
  if ([...data.keys()].length === 0) return null;
  const weights = {};
  for (const slider of form.querySelectorAll("[data-modality]"))
    if (slider.value !== "1") weights[slider.dataset.modality] = Number(slider.value);
  const options = { k: count, details: true };
  if (Object.keys(weights).length) options.weights = weights;
  data.append("options", JSON.stringify(options));
  return data;
}

async function search() {
  clearTimeout(timer);
  if (asked) asked.abort();
  const body = question(), mine = asked = new AbortController();
  if (body === null) { clear(); return; }
  list.classList.add("busy");
  const start = performance.now(), headers = key.value ? { authorization: `Bearer ${key.value}` } : {};
  try {
    const response = await fetch("search", { method: "POST", body, headers, signal: mine.signal });
    const answer = await response.json();
    if (response.status === 401) { keyField.hidden = false; key.focus(); }
    if (!response.ok) say(answer.error.message, true);
    else show(answer.results[0], performance.now() - start);
  } catch (error) {
    if (error.name !== "AbortError") say("The server does not answer. Is it still running?", true);
  }
  if (mine === asked) list.classList.remove("busy");
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(search, PAUSE);
}

function say(text, wrong = false) {
  said.textContent = text;
  said.classList.toggle("wrong", wrong);
}

function clear() {
  list.replaceChildren();
  list.classList.remove("busy");
  more.hidden = true;
  say(greeting);
}

function angle(radians) {
  return `${radians.toFixed(2)} rad (${Math.round(radians * 180 / Math.PI)}°)`;
}

function show(result, milliseconds) {
  const { answer, nearest, angle: far } = result.prediction, found = result.neighbors;
  const known = answer === nearest;
  const verdict = known ? `class ${answer}, ${angle(far)} from its center`
    : `unknown: the nearest class, ${nearest}, is ${angle(far)} away`;
  say(`This is ${verdict}. The ${found.length} nearest of the gallery, in ${Math.round(milliseconds)} ms:`);
  const most = Math.max(1e-9, ...found.flatMap((each) => Object.values(each.contributions || {}).map(Math.abs)));
  list.replaceChildren(...found.map((each) => card(each, most)));
  more.hidden = found.length < count;
}

function card(found, most) {
  const made = document.getElementById("card").content.cloneNode(true).firstElementChild;
  const picture = made.querySelector("img"), cells = found.shown ? Object.values(found.shown.cells) : [];
  if (found.shown && found.shown.picture) {
    picture.src = found.shown.picture;
    picture.alt = cells[0] || String(found.id);
    picture.classList.toggle("pixelated", found.shown.pixelated);
    picture.hidden = false;
  }
  made.querySelector(".words").textContent = cells.length ? cells.join(" · ") : `object ${found.id}`;
  made.querySelector(".label").textContent = found.label === null ? "" : String(found.label);
  made.querySelector(".angle").textContent = angle(found.angle);
  for (const [name, share] of Object.entries(found.contributions || {})) {
    const [term, bar, number] = ["dt", "dd", "dd"].map((tag) => document.createElement(tag));
    const filled = document.createElement("i");
    term.textContent = name;
    term.title = name;
    number.textContent = share.toFixed(2);
    bar.className = "bar";
    filled.className = share < 0 ? "against" : "";
    filled.style.width = `${100 * Math.abs(share) / most}%`;
    bar.append(filled);
    made.querySelector("dl").append(term, bar, number);
  }
  return made;
}

function preview(field) {
  const drop = field.closest(".drop"), file = field.files[0];
  const shown = drop.querySelector("img") || (drop.dataset.kind === "sound" ? drop.nextElementSibling : null);
  const remove = drop.parentElement.querySelector(".clear");
  remove.hidden = !file;
  drop.querySelector("span").textContent = file ? file.name : `drop or choose a ${drop.dataset.kind}`;
  if (shown) {
    if (shown.src) URL.revokeObjectURL(shown.src);
    shown.hidden = !file;
    if (file) shown.src = URL.createObjectURL(file);
    else shown.removeAttribute("src");
  }
}

function take(files, drop) {
  for (const file of files) {
    const kind = file.type.startsWith("audio/") ? "sound" : "picture";
    const place = drop || form.querySelector(`.drop[data-kind="${kind}"]`);
    if (!place) continue;
    const field = place.querySelector("input"), held = new DataTransfer();
    held.items.add(file);
    field.files = held.files;
    preview(field);
    count = STEP;
    search();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("steradian-key", key.value);
  count = STEP;
  search().then(() => said.scrollIntoView({ block: "nearest" }));
});
form.addEventListener("reset", () => setTimeout(() => {
  form.querySelectorAll("[type=file]").forEach(preview);
  form.querySelectorAll("[data-modality]").forEach((slider) => { slider.nextElementSibling.textContent = slider.value; });
  if (asked) asked.abort();
  clear();
}));
form.addEventListener("input", (event) => {
  const field = event.target;
  if (field.type === "file") { preview(field); count = STEP; search(); }
  else if (field.dataset.modality) { field.nextElementSibling.textContent = field.value; soon(); }
});
form.addEventListener("click", (event) => {
  if (!event.target.classList.contains("clear")) return;
  const field = event.target.parentElement.querySelector("[type=file]");
  field.value = "";
  preview(field);
  search();
});
more.addEventListener("click", () => { count += STEP; search(); });

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.querySelectorAll(".drop").forEach((drop) => drop.classList.toggle("over", drop.contains(event.target)));
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.querySelectorAll(".drop").forEach((drop) => drop.classList.remove("over"));
  take(event.dataTransfer.files, event.target.closest && event.target.closest(".drop"));
});
document.addEventListener("paste", (event) => take(event.clipboardData.files, null));

document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("input, textarea");
  if (event.key === "/" && !writing) {
    event.preventDefault();
    form.querySelector("input[type=text], textarea, input[type=file]").focus();
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) form.requestSubmit();
  const here = event.target.closest("#results li");
  if (here) walk(event, here);
});

function walk(event, here) {
  const cards = [...list.children], place = cards.indexOf(here);
  const columns = cards.filter((each) => each.offsetTop === cards[0].offsetTop).length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -place, End: cards.length - 1 - place };
  const next = cards[place + steps[event.key]];
  if (!next) return;
  event.preventDefault();
  next.focus();
}
