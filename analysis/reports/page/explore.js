"use strict";
// The interactive plot: axes, settings and methods are chosen; the cell that is pointed at is shown with its numbers and samples.
{
  const SYMBOLS = { // of matplotlib's markers, as plotly calls them and as a letter: one look in every figure
    o: ["circle", "●"], s: ["square", "■"], D: ["diamond", "◆"], d: ["diamond-tall", "♦"], "^": ["triangle-up", "▲"], v: ["triangle-down", "▼"],
    "<": ["triangle-left", "◀"], ">": ["triangle-right", "▶"], P: ["cross", "✚"], X: ["x", "✖"], "*": ["star", "★"], p: ["pentagon", "⬟"],
    h: ["hexagon", "⬢"], H: ["hexagon2", "⬣"], 8: ["octagon", "⬤"],
  };
  const CLASSES = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"];
  const REAL = "real test set";
  const LINEAR = 0.15; // where an axis of w turns from linear to logarithmic, as in the figures
  const ARROWS = { "1": " ↑", "-1": " ↓", "0": "" };
  const SVG = "http://www.w3.org/2000/svg";

  const make = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    Object.assign(made, attributes);
    made.append(...children);
    return made;
  };
  const plain = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;"); // plotly reads some tags in a text
  const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
  const spread = (value, sd) => { // two digits of the deviation, or four of the value
    if (value === null) return "–";
    const places = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(sd || Math.abs(value) / 100 || 1))));
    return value.toFixed(places) + (sd === null ? "" : ` ± ${sd.toFixed(places)}`);
  };
  const round = (low, high) => { // 1, 2 and 5 times the powers of ten between two numbers, or the powers alone where they are many
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const first of high > 3000 * low ? [1] : [1, 2, 5]) found.push(Number(`${first}e${power}`));
    return found;
  };

  const explore = (box, { worlds }) => {
    let world, points, current;
    const plot = make("div", { className: "plot", tabIndex: 0 });
    plot.setAttribute("role", "application");
    plot.setAttribute("aria-label", "Trade-off plot. Left and right: the cells of a method by w. Up and down: another method.");
    const panel = make("div", { className: "panel" });
    panel.setAttribute("aria-live", "polite");
    const controls = make("div", { className: "controls" });
    const methods = make("fieldset", { className: "methods" });

    const select = (label, change) => {
      const made = make("select", { onchange: change });
      controls.append(make("label", {}, label, made));
      return made;
    };
    const check = (label, change) => {
      const made = make("input", { type: "checkbox", onchange: change });
      controls.append(make("label", {}, made, label));
      return made;
    };
    const inWorld = select("World", () => enter(worlds[inWorld.selectedIndex]));
    const x = select("Across", () => axes());
    const y = select("Up", () => axes());
    const setting = select("Sampling", () => draw());
    const logX = check("log across", () => draw());
    const logY = check("log up", () => draw());
    const bars = check("deviations", () => draw());

    // what is on: one checkbox a method, in its family
    const choose = () => {
      const boxes = new Map(), whys = [];
      const families = make("div", { className: "families" });
      const all = (words, wanted) => make("button", { type: "button", onclick: () => {
        boxes.forEach((control, method) => (control.checked = wanted(method)));
        draw();
      } }, words);
      for (const name of new Set(world.methods.map(method => method.family))) {
        const group = make("div", {}, make("span", { className: "family" }, name));
        for (const method of world.methods.filter(one => one.family === name)) {
          const control = make("input", { type: "checkbox", checked: method.on, onchange: () => draw() });
          const why = make("small");
          boxes.set(method, control);
          whys.push([world.methods.indexOf(method), why]);
          group.append(make("label", {}, control, swatch(method), make("span", {}, method.name, why)));
        }
        families.append(group);
      }
      if (families.children.length === 1) families.replaceChildren(...[...families.children[0].children].slice(1));
      methods.replaceChildren(make("legend", {}, "Methods "), all("All", () => true), " ", all("None", () => false), " ",
        all("As at first", method => method.on), families);
      world.isOn = place => boxes.get(world.methods[place]).checked;
      world.explain = reason => whys.forEach(([m, why]) => (why.textContent = reason(m)));
    };
    const swatch = method => {
      const mark = make("span", { className: "swatch", ariaHidden: "true" }, SYMBOLS[method.symbol][1]);
      mark.style.color = `light-dark(${method.light},${method.dark})`;
      return mark;
    };

    const enter = chosen => {
      world = chosen;
      const names = world.metrics.map(metric => capital(metric.title) + ARROWS[metric.better]);
      for (const [control, first] of [[x, world.x], [y, world.y]]) {
        control.replaceChildren(...names.map(name => new Option(name)));
        control.selectedIndex = first;
      }
      setting.replaceChildren(...world.settings.map(name => new Option(name)));
      inWorld.parentElement.hidden = worlds.length < 2;
      setting.parentElement.hidden = world.settings.length < 2;
      bars.checked = world.methods.filter(method => method.on).length <= 4;
      current = null;
      choose();
      axes();
    };
    const axes = () => {
      for (const [control, log] of [[x, logX], [y, logY]]) {
        log.checked = world.metrics[control.selectedIndex].log;
        log.parentElement.hidden = control.selectedIndex === 0; // w has a scale of its own
      }
      draw();
    };

    const axis = (control, log, values) => {
      const metric = world.metrics[control.selectedIndex];
      const ink = getComputedStyle(box).color, line = getComputedStyle(plot).borderTopColor;
      const title = capital(metric.title) + ARROWS[metric.better];
      const common = { title: { text: plain(title), standoff: 8 }, color: ink, gridcolor: line, linecolor: line, zeroline: false, automargin: true };
      if (control.selectedIndex > 0) {
        const [low, high] = [Math.min(...values), Math.max(...values)];
        if (!log.checked || !(low > 0)) return { ...common, type: "linear" };
        const ticks = high > 8 * low ? round(low, high) : null; // else plotly's own are few and plain
        return { ...common, type: "log", ...(ticks && { tickvals: ticks, ticktext: ticks.map(String) }) };
      }
      const ticks = [...new Set(values)].sort((a, b) => a - b);
      return { ...common, tickvals: ticks.map(scaled), ticktext: ticks.map(String) };
    };
    const scaled = w => Math.asinh(w / LINEAR);
    const drawn = (control, value) => (control.selectedIndex === 0 ? scaled(value) : value);

    const draw = () => {
      const [i, j, s] = [x.selectedIndex, y.selectedIndex, setting.selectedIndex];
      const held = m => world.cells.filter(cell => cell[0] === m && cell[1] === s);
      const both = cell => cell[4][i] !== null && cell[4][j] !== null;
      world.explain(m => (held(m).some(both) ? "" : held(m).length ? " not measured on both axes" : ` not sampled by ${world.settings[s]}`));
      const narrow = box.clientWidth < 560;
      points = world.methods.map((method, m) => (world.isOn(m) ? held(m).filter(both) : []));
      const shown = points.flat();
      const error = (control, place, shade) => ({ type: "data", visible: bars.checked && control.selectedIndex > 0,
        array: place, color: shade, thickness: 1, width: 2 });
      const traces = world.methods.flatMap((method, m) => {
        const own = points[m], shade = dark() ? method.dark : method.light;
        return own.length === 0 ? [] : [{
          x: own.map(cell => drawn(x, cell[4][i])), y: own.map(cell => drawn(y, cell[4][j])),
          error_x: error(x, own.map(cell => cell[5][i] ?? 0), shade), error_y: error(y, own.map(cell => cell[5][j] ?? 0), shade),
          customdata: own.map(cell => [m, own.indexOf(cell)]), mode: "lines+markers", name: method.name,
          line: { color: shade, width: 2 }, marker: { color: shade, size: 9, symbol: SYMBOLS[method.symbol][0] },
          hovertemplate: own.map(cell => `<b>${plain(method.name)}</b>, w = ${cell[4][0]}<br>` + [j, i].filter(k => k > 0).map(k =>
            `${plain(capital(world.metrics[k].title))}: ${spread(cell[4][k], cell[5][k])}`).join("<br>") + "<extra></extra>"),
        }];
      });
      const ink = getComputedStyle(box).color;
      Plotly.react(plot, traces, {
        xaxis: axis(x, logX, shown.map(cell => cell[4][i])), yaxis: axis(y, logY, shown.map(cell => cell[4][j])),
        modebar: { bgcolor: "rgba(0,0,0,0)", color: ink },
        showlegend: false, hovermode: "closest", dragmode: narrow ? false : "zoom", margin: { t: 30, r: 20, l: 60, b: 60 },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: ink },
        shapes: real(s, j).map(value => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: value, y1: value, line: { dash: "dashdot", width: 1, color: ink },
          label: { text: REAL, textposition: "start", font: { size: 11, color: ink } } })),
        annotations: shown.length ? [] : [{ text: "No cell has both: switch methods on, or choose other axes.", showarrow: false, xref: "paper", yref: "paper", x: 0.5, y: 0.5 }],
      }, { displaylogo: false, responsive: true, modeBarButtons: [["zoomIn2d", "zoomOut2d", "resetScale2d", "toImage"]] });
      if (!current || !shown.includes(current)) show(shown.find(cell => cell[4][0] === 0) ?? shown[0]);
      else show(current);
    };

    const real = (place, metric) => world.real.filter(one => one[0] === place && one[1] === metric).map(one => one[2]);

    // the cell that is pointed at: first what is on the axes, and its samples
    const show = cell => {
      current = cell;
      if (!cell) return panel.replaceChildren(make("p", {}, "No cell is shown."));
      const [m, s, runs, sample, values, sds] = cell;
      const chosen = [...new Set([y.selectedIndex, x.selectedIndex])].filter(k => k > 0);
      const rows = list => make("table", {}, make("tbody", {}, ...list.map(k => {
        const metric = world.metrics[k];
        const head = make("th", { scope: "row", title: `${metric.name}${metric.direction ? ": " + metric.direction : ""}` }, capital(metric.title) + ARROWS[metric.better]);
        return make("tr", { className: chosen.includes(k) ? "axis" : "" }, head, make("td", {}, spread(values[k], sds[k])));
      })));
      const others = world.main.filter(k => !chosen.includes(k) && values[k] !== null);
      const title = `${world.methods[m].name}, w = ${values[0]}`;
      const line = real(s, y.selectedIndex).map(value => make("p", {}, `Dash-dotted: ${REAL}, ${spread(value, null)}.`));
      const before = panel.querySelector("details"); // stays as it was left
      const more = make("details", { open: before ? before.open : !matchMedia("(max-width: 900px)").matches },
        make("summary", {}, `${others.length} more measure${others.length === 1 ? "" : "s"}`), rows(others));
      panel.replaceChildren(make("h3", {}, title), make("p", {}, `${world.settings[s]}; ${runs === 1 ? "one run" : `means of ${runs} runs, ± one standard deviation`}.`),
        rows(chosen), ...line, ...samples(sample, title), ...(others.length ? [more] : []));
    };
    const samples = (place, title) => {
      if (place === null) return [make("p", {}, "Its samples are not in this page.")];
      const { image, count, points: bytes } = world.samples[place];
      if (image) {
        const alt = `The first ${count} samples of ${title}, of the first run`;
        return [make("img", { src: image, alt }), make("p", {}, `The first ${count} samples of the first run; the same noise in every cell.`)];
      }
      const data = atob(bytes), made = document.createElementNS(SVG, "svg");
      made.setAttribute("viewBox", "0 0 255 255");
      made.setAttribute("role", "img");
      made.setAttribute("aria-label", `The first samples of ${title}, as points in the plane, coloured by class`);
      for (let k = 0; k < data.length; k += 3) {
        const dot = document.createElementNS(SVG, "circle");
        for (const [name, value] of Object.entries({ cx: data.charCodeAt(k), cy: 255 - data.charCodeAt(k + 1), r: 2.2, fill: CLASSES[data.charCodeAt(k + 2) % CLASSES.length] })) dot.setAttribute(name, value);
        made.append(dot);
      }
      return [made, make("p", {}, `${data.length / 3} samples of the first run, coloured by class; the same noise and the same scale in every cell.`)];
    };

    const point = cell => {
      show(cell);
      const curve = points.filter(own => own.length).findIndex(own => own.includes(cell));
      if (curve >= 0) Plotly.Fx.hover(plot, [{ curveNumber: curve, pointNumber: points.filter(own => own.length)[curve].indexOf(cell) }]);
    };
    plot.onkeydown = event => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      const curves = points.filter(own => own.length);
      if (!step || !curves.length) return;
      event.preventDefault();
      const curve = Math.max(0, curves.findIndex(own => own.includes(current)));
      const other = curves[(curve + step[0] + curves.length) % curves.length];
      const at = step[0] ? Math.max(0, other.findIndex(cell => cell[4][0] >= current[4][0])) : Math.max(0, curves[curve].indexOf(current)) + step[1];
      point(other[Math.min(other.length - 1, Math.max(0, at))]);
    };

    box.append(controls, plot, panel, methods);
    enter(worlds[0]);
    for (const drawing of [plot.querySelector(".plot-container"), document.getElementById("js-plotly-tester")])
      drawing?.setAttribute("aria-hidden", "true"); // the panel says it in words
    if (worlds.length > 1) inWorld.replaceChildren(...worlds.map(one => new Option(one.name)));
    const seen = event => show(points[event.points[0].customdata[0]][event.points[0].customdata[1]]);
    plot.on("plotly_hover", seen);
    plot.on("plotly_click", seen);
    document.addEventListener("theme", draw);
  };

  const unpacked = packed => {
    const bytes = Uint8Array.from(atob(packed.textContent), letter => letter.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  const begin = async () => {
    const library = make("script", { textContent: await unpacked(document.getElementById("plotly")) });
    document.head.append(library); // runs at once: the policy of the page has its hash
    for (const box of document.querySelectorAll(".explore")) explore(box, JSON.parse(await unpacked(box.querySelector("script"))));
  };
  begin();
}
