"use strict";
(() => {
  const TOP = 5; // bars that a card shows at first
  const BATCH = 8; // pictures in one request, so that the first answers come soon
  const QUICK = 1000; // milliseconds: maps that take less are drawn without being asked for

  const form = document.getElementById("form");
  const input = document.getElementById("files");
  const answers = document.getElementById("answers");
  const unused = document.getElementById("unused");
  const status = document.getElementById("status");
  const clear = document.getElementById("clear");
  const template = document.getElementById("card");
  const maxBytes = Number(form.dataset.maxBytes);
  const maxImages = Number(form.dataset.maxImages);

  const queue = []; // cards that wait for an answer
  const unmapped = []; // cards that wait for their map
  let working = false;
  let quick = true;
  let counts = { seen: 0, answered: 0, unused: 0 };

  const find = (card, selector) => card.element.querySelector(selector);
  const pictures = (n) => (n === 1 ? "1 picture" : `${n} pictures`);
  const percent = (p) =>
    p < 0.0005 ? "< 0.1\u202f%" : p < 1 && p >= 0.9995 ? "> 99.9\u202f%" : `${(100 * p).toFixed(1)}\u202f%`;

  function add(files) {
    const cards = files.map((file) => {
      const element = template.content.firstElementChild.cloneNode(true);
      const card = { file, element };
      element.classList.add("waiting");
      find(card, "h2").textContent = "Waiting \u2026";
      find(card, ".name").textContent = file.name;
      return card;
    });
    answers.prepend(...cards.map((card) => card.element));
    answers.hidden = clear.hidden = false;
    form.classList.add("slim");
    counts.seen += cards.length;
    queue.push(...cards);
    work();
  }

  async function work() {
    if (working) return;
    working = true;
    while (queue.length || (quick && unmapped.length)) {
      say();
      if (queue.length) await predict(batch());
      else await map(unmapped.shift());
    }
    working = false;
    say();
  }

  function batch() {
    const cards = [];
    let bytes = 0;
    while (queue.length && cards.length < Math.min(BATCH, maxImages)) {
      bytes += queue[0].file.size + 1000; // and what the form puts around it
      if (cards.length && bytes > maxBytes) break;
      cards.push(queue.shift());
    }
    return cards;
  }

  async function predict(cards) {
    if (cards.length === 1 && cards[0].file.size > maxBytes) {
      return refuse(cards[0], "too large", `the server takes ${maxBytes} bytes at once (--max-bytes)`);
    }
    try {
      const response = await send("/predict?pictures=true", cards);
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      cards.forEach((card, number) => show(card, answer.images[number]));
    } catch (error) {
      if (cards.length > 1) {
        // One file that cannot be read must not take the others with it.
        for (const card of cards) await predict([card]);
      } else {
        refuse(cards[0], "no answer", reason(error));
      }
    }
  }

  function send(address, cards) {
    const body = new FormData();
    for (const { file } of cards) body.append("files", file, file.name || "picture");
    return fetch(address, { method: "POST", body });
  }

  function reason(error) {
    return error instanceof TypeError
      ? "the file cannot be read, or the server does not run any more"
      : error.message;
  }

  function show(card, answer) {
    if (!card.element.isConnected) return;
    if (answer.reason) return refuse(card, answer.reason, answer.detail);
    card.answer = answer;
    counts.answered += 1;
    card.element.classList.remove("waiting");
    const ranked = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]);
    find(card, "h2").textContent = answer.label;
    picture(card, ".original", URL.createObjectURL(card.file), `The picture ${card.file.name}`);
    picture(card, ".prepared", answer.picture, `The model's view of ${card.file.name}`);
    bars(card, ranked.slice(0, TOP));
    if (ranked.length > TOP) {
      const more = find(card, ".more");
      more.textContent = `All ${ranked.length} classes`;
      more.hidden = false;
      more.addEventListener("click", () => {
        more.hidden = true;
        bars(card, ranked);
        const list = find(card, ".bars");
        list.tabIndex = -1;
        list.focus();
      });
    }
    const button = find(card, ".map button");
    button.hidden = false;
    button.setAttribute("aria-label", `Show what mattered in ${card.file.name}`);
    button.addEventListener("click", () => map(card));
    unmapped.push(card);
  }

  function refuse(card, why, detail) {
    if (!card.element.isConnected) return;
    counts.unused += 1;
    card.element.remove();
    const row = document.createElement("li");
    const name = document.createElement("b");
    name.textContent = card.file.name;
    row.append(name, ` ${detail ? `${why}: ${detail}` : why}`);
    unused.querySelector("ul").append(row);
    unused.hidden = false;
  }

  function picture(card, selector, address, words) {
    const image = find(card, `${selector} img`);
    image.addEventListener("load", () => image.classList.toggle("pixels", image.naturalWidth < 64));
    // What this browser cannot draw, as TIFF, is still seen as the model sees it.
    image.addEventListener("error", () => (image.parentElement.hidden = true));
    image.decoding = "async";
    image.alt = words;
    image.src = address;
    image.hidden = false;
  }

  function bars(card, ranked) {
    const list = find(card, ".bars");
    list.classList.toggle("short", ranked.every(([name]) => name.length < 4));
    list.setAttribute("aria-label", "Probability by class");
    list.replaceChildren(
      ...ranked.map(([name, share]) => {
        const row = document.createElement("li");
        const [label, track, figure] = ["span", "i", "span"].map((kind) => document.createElement(kind));
        label.className = "label";
        label.textContent = label.title = name;
        figure.className = "share";
        figure.textContent = percent(share);
        const bar = document.createElement("b");
        bar.style.width = share < 0.0005 ? 0 : `${100 * share}%`;
        track.append(bar);
        row.append(label, track, figure);
        return row;
      }),
    );
  }

  async function map(card) {
    const button = find(card, ".map button");
    if (button.hidden || button.getAttribute("aria-busy") === "true" || !card.element.isConnected) return;
    button.setAttribute("aria-busy", "true");
    button.textContent = "\u2026";
    const start = performance.now();
    try {
      const response = await send("/map", [card]);
      if (!response.ok) throw new Error((await response.json()).detail);
      const address = URL.createObjectURL(await response.blob());
      quick = performance.now() - start < QUICK;
      button.hidden = true;
      const words = `Map of ${card.file.name}: bright where hiding a place makes the model less sure of ${card.answer.label}`;
      picture(card, ".map", address, words);
    } catch (error) {
      quick = false;
      button.textContent = "Again";
      status.textContent = `No map of ${card.file.name}: ${reason(error)}`;
    }
    button.removeAttribute("aria-busy");
  }

  function say() {
    const { seen, answered, unused } = counts;
    const done = answered + unused;
    const left = unused ? `, ${unused} not used` : "";
    status.textContent = !seen ? "" : done < seen ? `${done} of ${pictures(seen)} \u2026` : `${pictures(answered)}${left}`;
  }

  async function filesOf(transfer) {
    // Entries must be taken before the event ends: afterwards the browser has forgotten them.
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
    return (await Promise.all(entries.map(walk))).flat();
  }

  async function walk(entry) {
    if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // a hundred at a time
      if (!some.length) break;
      found.push(...some);
    }
    found.sort((a, b) => (a.name < b.name ? -1 : 1));
    return (await Promise.all(found.map(walk))).flat();
  }

  async function take(transfer) {
    try {
      const files = await filesOf(transfer);
      if (files.length) add(files);
      else status.textContent = "There is no file in that.";
    } catch (error) {
      status.textContent = `That cannot be read: ${error.message}`;
    }
  }

  document.getElementById("address").textContent = `${location.origin}/predict`;
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file can be chosen again
    if (files.length) add(files);
  });
  clear.addEventListener("click", () => {
    queue.length = unmapped.length = 0;
    for (const image of answers.querySelectorAll("img")) {
      if (image.src.startsWith("blob:")) URL.revokeObjectURL(image.src);
    }
    answers.replaceChildren();
    unused.querySelector("ul").replaceChildren();
    answers.hidden = unused.hidden = clear.hidden = true;
    form.classList.remove("slim");
    counts = { seen: 0, answered: 0, unused: 0 };
    say();
    input.focus();
  });
  let depth = 0; // of dragenter and dragleave, which come for every element passed
  const lit = () => document.documentElement.classList.toggle("over-page", depth > 0);
  document.addEventListener("dragenter", () => (depth++, lit()));
  document.addEventListener("dragleave", () => (depth--, lit()));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    depth = 0;
    lit();
    take(event.dataTransfer);
  });
  document.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) take(event.clipboardData);
  });
})();
