/* Draws the plots when they come into view, in the page's colours, and once more on paper. No request leaves the page. */
"use strict";
(async () => {
  const root = document.documentElement;
  root.classList.remove("plain");
  const css = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const palette = () => Array.from({ length: 8 }, (_, number) => css("c" + number));
  const specs = new Map();
  const spec = (div) => {
    if (!specs.has(div)) specs.set(div, JSON.parse(document.getElementById(div.id + "-data").textContent));
    return specs.get(div);
  };

  // A string that begins with this sign names a colour of the page: text from the data cannot hold it.
  const themed = (value) => {
    if (typeof value === "string") return value[0] === "\u0001" ? css(value.slice(1)) : value;
    if (Array.isArray(value)) return value.map(themed);
    if (value && typeof value === "object" && !ArrayBuffer.isView(value))
      return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, themed(entry)]));
    return value;
  };

  const template = () => {
    const [ink, soft, line, card] = ["ink", "soft", "line", "card"].map(css);
    const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: "rgba(0,0,0,0)", automargin: true, ticks: "outside", ticklen: 4,
      title: { font: { color: soft }, standoff: 8 } };
    return { layout: { font: { family: "system-ui, sans-serif", size: 12, color: ink }, colorway: palette(),
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 48, r: 12, t: 8, b: 40 },
      xaxis: axis, yaxis: axis, dragmode: false, hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink },
        align: "left" }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" } } };
  };

  const decoded = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer;

  // -- The sphere: its points come packed, and its words as numbers of classes.
  const MOST_NAMES = 32, SYMBOLS = ["circle", "square", "diamond", "cross"];
  const place = (points, from, to) =>
    [0, 1, 2].map((axis) => Array.from({ length: to - from }, (_, row) => points[3 * (from + row) + axis]));
  const wires = () => {
    const turn = Array.from({ length: 49 }, (_, step) => (step * Math.PI) / 24);
    const x = [], y = [], z = [];
    const ring = (point) => {
      turn.forEach((angle) => { const [a, b, c] = point(angle); x.push(a); y.push(b); z.push(c); });
      [x, y, z].forEach((list) => list.push(null));
    };
    for (let k = 1; k < 6; k++) {
      const [height, radius] = [Math.cos((k * Math.PI) / 6), Math.sin((k * Math.PI) / 6)];
      ring((angle) => [radius * Math.cos(angle), radius * Math.sin(angle), height]);
      const side = (k * Math.PI) / 6;
      ring((angle) => [Math.sin(angle) * Math.cos(side), Math.sin(angle) * Math.sin(side), Math.cos(angle)]);
    }
    ring((angle) => [Math.sin(angle), 0, Math.cos(angle)]);
    return { type: "scatter3d", mode: "lines", x, y, z, hoverinfo: "skip", showlegend: false,
      line: { color: css("line"), width: 1 } };
  };
  const globe = () => {
    const x = [], y = [], z = [], i = [], j = [], k = [];
    const [rows, columns, radius] = [24, 48, 0.96];
    for (let r = 0; r <= rows; r++)
      for (let c = 0; c < columns; c++) {
        const [tilt, turn] = [(r * Math.PI) / rows, (2 * c * Math.PI) / columns];
        x.push(radius * Math.sin(tilt) * Math.cos(turn));
        y.push(radius * Math.sin(tilt) * Math.sin(turn));
        z.push(radius * Math.cos(tilt));
        const [here, right] = [r * columns + c, r * columns + ((c + 1) % columns)];
        if (r < rows) { i.push(here, right); j.push(right, right + columns); k.push(here + columns, here + columns); }
      }
    return { type: "mesh3d", x, y, z, i, j, k, color: css("globe"), hoverinfo: "skip", showscale: false,
      lighting: { ambient: 1, diffuse: 0, specular: 0, fresnel: 0 } };
  };
  const sphere = (given, chosen) => {
    if (!given.points.buffer) given.points = new Float32Array(decoded(given.points));
    const { points, classes, labels, predicted, angles, ids, centers } = given;
    const colours = palette(), [ink, faint] = [css("ink"), css("line")];
    const colour = (number) => colours[number % 8], symbol = (number) => SYMBOLS[Math.floor(number / 8) % 4];
    const wrong = (row) => given.judged && labels[row] !== predicted[row];
    const shown = (row) => chosen === "all" || (chosen === "wrong" ? wrong(row) : labels[row] === Number(chosen));
    const near = (number) => chosen === "all" || chosen === "wrong" || number === Number(chosen);
    const words = labels.map((label, row) =>
      `<b>${ids[row]}</b><br>${classes[label]}<br>${given.nearest}: ${classes[predicted[row]]}` +
      `${wrong(row) ? " ✗" : ""}<br>${angles[row].toFixed(2)} rad from its center`);
    const [x, y, z] = place(points, 0, labels.length), [a, b, c] = place(points, labels.length, labels.length + centers.length);
    const dot = labels.length > 3000 ? 2.5 : labels.length > 600 ? 3.5 : 5;
    const marks = { type: "scatter3d", mode: "markers", hovertemplate: "%{text}", showlegend: false };
    return {
      data: [globe(), wires(),
        { ...marks, x, y, z, text: words, marker: { size: dot, opacity: 1, line: { width: 0 },
          symbol: labels.map(symbol), color: labels.map((label, row) => (shown(row) ? colour(label) : faint)) } },
        { ...marks, x: a, y: b, z: c, hovertext: centers.map((number) => `<b>center of ${classes[number]}</b>`),
          hovertemplate: "%{hovertext}", ...(centers.length > MOST_NAMES ? {} : { mode: "markers+text",
            text: centers.map((number) => classes[number]), textposition: "top center", textfont: { color: ink, size: 11 } }),
          marker: { size: centers.length > 60 ? 7 : 11, opacity: 1, line: { width: 1.5, color: ink },
            symbol: centers.map(symbol), color: centers.map((number) => (near(number) ? colour(number) : faint)) } }],
      layout: { uirevision: "kept", margin: { l: 0, r: 0, t: 0, b: 0 }, dragmode: "turntable", scene: { aspectmode: "cube",
        camera: { eye: given.eye },
        ...Object.fromEntries(["xaxis", "yaxis", "zaxis"].map((axis) => [axis, { visible: false, range: [-1, 1], showspikes: false }])) } },
    };
  };

  // Plotly stands in the page packed, at a third of its size; its hash is in the page's policy, so that it may run.
  // A browser that cannot unpack it shows what one without scripts shows.
  try {
    const packed = new Blob([decoded(JSON.parse(document.getElementById("plotly").textContent))]).stream();
    const script = document.createElement("script");
    script.textContent = await new Response(packed.pipeThrough(new DecompressionStream("gzip"))).text();
    document.body.append(script);
  } catch {
    root.classList.add("plain");
    return;
  }

  // -- Drawing
  // The sphere begins with what the model got wrong, where it did.
  const choice = (div) => div.dataset.chosen || (div.dataset.kind === "sphere" && spec(div).wrong ? "wrong" : "all");
  // Python writes no markup: a line ends with "\n" there, and a trace without a name shows none beside its words.
  const told = (trace) => trace.hovertemplate && !trace.name ?
    { ...trace, hovertemplate: trace.hovertemplate.replaceAll("\n", "<br>") + "<extra></extra>" } : trace;
  const figure = (div) => {
    const made = div.dataset.kind === "sphere" ? sphere(spec(div), choice(div)) : themed(spec(div));
    const size = root.classList.contains("printing") ? { width: div.clientWidth, height: div.clientHeight, autosize: false } : {};
    return [div, made.data.map(told), { ...made.layout, template: template(), ...size },
      { displayModeBar: false, scrollZoom: false, responsive: true, displaylogo: false }];
  };
  const drawn = new Set();
  const draw = (div) => {
    if (drawn.has(div)) return;
    drawn.add(div);
    Plotly.newPlot(...figure(div)).then(() => div.setAttribute("data-drawn", ""));
  };
  const again = (div) => Plotly.react(...figure(div));
  const plots = [...document.querySelectorAll(".plot")];
  const canvas = document.createElement("canvas");
  if (!canvas.getContext("webgl2") && !canvas.getContext("webgl")) {
    document.querySelectorAll(".turning").forEach((part) => part.remove());
    document.querySelectorAll(".static").forEach((part) => { part.style.display = "block"; });
  }
  const waiting = [];
  const next = () => {
    if (!waiting.length) return;
    draw(waiting.shift());
    setTimeout(next, 0);
  };
  const observer = new IntersectionObserver((entries) => {
    const seen = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
    seen.forEach((div) => observer.unobserve(div));
    if (waiting.push(...seen) === seen.length) setTimeout(next, 0);
  }, { rootMargin: "250px" });
  plots.filter((div) => div.isConnected).forEach((div) => observer.observe(div));

  // -- Choosing a class, turning by the arrow keys
  document.querySelectorAll("[data-chooses]").forEach((part) => {
    const div = document.getElementById(part.dataset.chooses);
    const choose = (value) => {
      div.dataset.chosen = value;
      part.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", button.value === value));
      draw(div);
      again(div);
    };
    part.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) choose(button.value === choice(div) ? "all" : button.value);
    });
    part.addEventListener("change", (event) => choose(event.target.value));
  });
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  document.querySelectorAll(".plot[data-kind=sphere]").forEach((div) => div.addEventListener("keydown", (event) => {
    if (!STEPS[event.key] || !div.layout) return;
    event.preventDefault();
    const { x, y, z } = div.layout.scene.camera.eye, far = Math.hypot(x, y, z);
    const turn = Math.atan2(y, x) + 0.15 * STEPS[event.key][0];
    const tilt = Math.min(1.5, Math.max(-1.5, Math.asin(z / far) + 0.15 * STEPS[event.key][1]));
    Plotly.relayout(div, { "scene.camera.eye": { x: far * Math.cos(tilt) * Math.cos(turn),
      y: far * Math.cos(tilt) * Math.sin(turn), z: far * Math.sin(tilt) } });
  }));

  // -- Dark, light, paper
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(again));
  const flat = plots.filter((div) => div.dataset.kind !== "sphere");
  addEventListener("beforeprint", () => {
    root.classList.add("printing");
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    flat.forEach(draw);
    flat.forEach(again);
  });
  addEventListener("afterprint", () => {
    root.classList.remove("printing");
    flat.forEach(again);
  });
})();
