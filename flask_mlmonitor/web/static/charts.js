// Draws the charts of a model's page with uPlot, from the numbers in the page.
"use strict";

const HEIGHT = 180;
const [MINUTE, HOUR, DAY] = [60, 3600, 86400];
const STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((n) => n * DAY),
];
const CHARTS = JSON.parse(document.getElementById("charts").textContent);
const COLOURS = {
  success: "now", p50: "estimate", p95: "now", fallback: "warning", error: "critical",
  invalid: "estimate", "critical-psi": "faint",
};
const SHOW = {
  share: (value) => `${+(100 * value).toPrecision(3)}%`,
  seconds: (value) => (value >= 1 ? `${+value.toPrecision(3)} s` : `${+(1000 * value).toPrecision(3)} ms`),
  number: (value) => `${+value.toPrecision(3)}`,
};

function colour(role) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${COLOURS[role] ?? role}`);
}

function faded(role, share) {
  return `color-mix(in srgb, ${colour(role)} ${share}%, transparent)`;
}

function axis(more) {
  return {
    stroke: () => colour("faint"),
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
    ...more,
  };
}

// The limits that are near enough to the values to be seen beside them.
function near(chart) {
  if (chart.always) return chart.limits;
  const values = chart.lines.flatMap((line) => [...line.values, ...line.low, ...line.high]);
  const known = values.filter((value) => value !== null);
  if (!known.length) return chart.limits;
  const [low, high] = [Math.min(...known, chart.floor ?? Infinity), Math.max(...known)];
  const reach = 4 * Math.max(high - low, 0.01 * Math.abs(high));
  return chart.limits.filter((one) => low - reach <= one.value && one.value <= high + reach);
}

function range(chart, limits) {
  return (_, low, high) => {
    const values = [low, high, ...limits.map((one) => one.value)].filter((one) => one !== null);
    const least = chart.floor ?? Math.min(...values);
    const most = Math.max(...values);
    const room = 0.08 * (most - least || Math.abs(most) || 1);
    return [chart.floor ?? least - room, most + room];
  };
}

function limitLines(limits) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.setLineDash([6, 4]);
    ctx.lineWidth = 1.5;
    let free = Infinity; // above here, no label stands
    for (const one of limits) {
      const y = Math.round(plot.valToPos(one.value, "y", true));
      ctx.strokeStyle = ctx.fillStyle = colour(one.role);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
      ctx.textAlign = "right";
      ctx.textBaseline = "bottom";
      if (free - y < 13 * devicePixelRatio) continue;
      free = y;
      ctx.fillText(one.role, bbox.left + bbox.width - 4, y - devicePixelRatio);
    }
    ctx.restore();
  };
}

function alertMarks(marks) {
  return (plot) => {
    const { ctx, bbox } = plot;
    const size = 5 * devicePixelRatio;
    ctx.save();
    for (const one of marks) {
      const x = plot.valToPos(one.x, "x", true);
      const y = bbox.top + size + 1;
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      ctx.fillStyle = colour(one.role);
      ctx.beginPath();
      ctx.moveTo(x, y - size);
      ctx.lineTo(x + size, y);
      ctx.lineTo(x, y + size);
      ctx.lineTo(x - size, y);
      ctx.fill();
    }
    ctx.restore();
  };
}

function timeChart(chart) {
  const steps = uPlot.paths.stepped({ align: -1 });
  const series = [{ value: (_, x) => (x === null ? "" : moment(x)), label: "time" }];
  const data = [chart.x];
  const bands = [];
  const show = SHOW[chart.unit];
  const shown = (value) => (value === null || value === undefined ? "–" : show(value));
  if (chart.behind) {
    series.push({
      label: chart.behind.label, scale: "share", paths: steps, width: 0, points: { show: false },
      fill: () => colour("coverage"), value: (_, value) => (value === null ? "–" : SHOW.share(value)),
    });
    data.push(chart.behind.values);
  }
  for (const line of chart.lines) {
    const own = { scale: "y", paths: steps, points: { show: chart.x.length === 1 } };
    if (line.low.length) {
      bands.push({ series: [data.length, data.length + 1], fill: () => faded(line.role, 22) });
      for (const edge of [line.high, line.low]) {
        series.push({ ...own, label: "", class: "hidden", width: 0, stroke: () => "transparent", points: { show: false } });
        data.push(edge);
      }
    }
    series.push({
      ...own, label: line.label, stroke: () => colour(line.role), width: 2, value: (_, value) => shown(value),
      dash: line.role === "estimate" || line.role === "critical-psi" ? [4, 3] : undefined,
    });
    data.push(line.values);
  }
  const limits = near(chart).sort((one, other) => one.value - other.value);
  return [{
    series, bands,
    scales: { y: { range: range(chart, limits) }, share: { range: [0, 1] } },
    axes: [
      axis({ values: (_, ticks) => ticks.map(tick), space: 70, size: 28, incrs: STEPS }),
      axis({ scale: "y", size: 60, values: (_, ticks) => ticks.map(show) }),
      ...(chart.behind ? [axis({ scale: "share", side: 1, size: 50, grid: { show: false }, values: (_, ticks) => ticks.map(SHOW.share) })] : []),
    ],
    hooks: { draw: [limitLines(limits), alertMarks(chart.marks)] },
  }, data];
}

function moment(seconds) {
  const text = new Date(1000 * seconds).toISOString();
  return `${text.slice(5, 10)} ${text.slice(11, 16)}`;
}

function tick(seconds) {
  const text = new Date(1000 * seconds).toISOString();
  return seconds % DAY ? text.slice(11, 16) : text.slice(5, 10);
}

function barChart(chart) {
  const places = chart.labels.map((_, place) => place);
  const longest = Math.max(...chart.labels.map((label) => Math.min(label.length, 14)));
  const short = (label) => (label.length > 14 ? `${label.slice(0, 13)}…` : label);
  const bars = (role, label, align) => ({
    label, stroke: () => colour(role), fill: () => colour(role), width: 0, points: { show: false },
    paths: uPlot.paths.bars({ size: [0.38, 40], align }),
    value: (_, value) => (value === null ? "–" : SHOW.share(value)),
  });
  return [{
    series: [
      { label: "bin", value: (_, place) => (place === null ? "" : chart.labels[place]) },
      bars("baseline", "baseline", -1),
      bars("now", "now", 1),
    ],
    scales: {
      x: { time: false, range: [-0.6, places.length - 0.4] },
      y: { range: (_, low, high) => [0, 1.05 * high || 1] },
    },
    axes: [
      axis({
        splits: places, values: () => chart.labels.map(short), grid: { show: false },
        rotate: -50, size: 16 + 5.2 * longest, gap: 4,
      }),
      axis({ size: 50, values: (_, ticks) => ticks.map(SHOW.share) }),
    ],
  }, [places, chart.baseline, chart.now]];
}

function draw(box) {
  const chart = CHARTS[box.dataset.chart];
  const [options, data] = chart.kind === "bars" ? barChart(chart) : timeChart(chart);
  const width = () => box.clientWidth;
  const plot = new uPlot({
    width: width(), height: HEIGHT + (chart.kind === "bars" ? 40 : 0),
    tzDate: (seconds) => uPlot.tzDate(new Date(1000 * seconds), "Etc/UTC"),
    cursor: { drag: { x: true, y: false } },
    ...options,
    hooks: { ...options.hooks, ready: [(self) => self.setLegend({ idx: data[0].length - 1 })] },
  }, data, box);
  new ResizeObserver(() => {
    if (width() !== plot.width) plot.setSize({ width: width(), height: plot.height });
  }).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
}

// Those that nobody scrolls to are not drawn.
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    seen.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "400px" });
for (const box of document.querySelectorAll("[data-chart]")) seen.observe(box);
