/** One bar of a picture. */
export interface Bar {
  readonly name: string;
  /** Above 0. */
  readonly value: number;
  /** The ends of the line across the bar's end. */
  readonly low: number;
  readonly high: number;
  /** own: what is drawn in the strong colour; limit: what nothing is better than. */
  readonly role: 'own' | 'limit' | 'other';
}

/** A picture of bars on a logarithmic scale. */
export interface BarPicture {
  readonly title: string;
  /** What the bars are, and which end is better. */
  readonly unit: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 720;
/** Where bars begin, and the longest ends; numbers stand behind them. */
const LEFT = 190;
const RIGHT = 620;
const TOP = 62;
const STEP = 26;
const BAR = 16;

/** Colours for a light page; below those for a dark one. No background: the page shows through. */
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.small { font-size: 11px; fill: #57606a; }
.grid { stroke: #d0d7de; }
.range { stroke: #24292f; }
.own { fill: #0a5ad6; }
.limit { fill: #8c959f; }
.other { fill: #d08c2e; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.small { fill: #9aa4af; }
.grid { stroke: #3d444d; }
.range { stroke: #e6edf3; }
.own { fill: #58a6ff; }
.limit { fill: #6e7681; }
.other { fill: #d8a657; }
}
`;

/** The picture as the text of an SVG file: told in words too, for who does not see it. */
export function barPicture({ title, unit, bars }: BarPicture): string {
  const [from, to] = powers(bars);
  const height = TOP + bars.length * STEP + 26;
  const x = (value: number): number => {
    const share = (Math.log10(value) - from) / (to - from);
    return LEFT + share * (RIGHT - LEFT);
  };
  const bottom = TOP + bars.length * STEP;
  const ticks = Array.from({ length: to - from + 1 }, (_, k) => 10 ** (from + k));
  const anchored = (value: number, y: number, anchor: string, text: string): string =>
    `<text class="small" x="${at(value)}" y="${y}" text-anchor="${anchor}">${text}</text>`;
  const grid = ticks.flatMap((value) => [
    `<line class="grid" x1="${at(x(value))}" x2="${at(x(value))}" y1="${TOP - 6}" y2="${bottom}"/>`,
    anchored(x(value), bottom + 16, 'middle', short(value)),
  ]);
  const drawn = bars.flatMap((bar, k) => {
    const y = TOP + k * STEP;
    const middle = y + BAR / 2;
    const end = Math.max(x(bar.value), LEFT + 1);
    const past = Math.max(end, x(bar.high)) + 6;
    return [
      `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${escaped(bar.name)}</text>`,
      `<rect class="${bar.role}" x="${LEFT}" y="${y}" width="${at(end - LEFT)}" height="${BAR}"/>`,
      `<path class="range" d="M${at(x(bar.low))} ${middle}H${at(x(bar.high))}"/>`,
      `<text x="${at(past)}" y="${middle + 4}">${short(bar.value)}</text>`,
    ];
  });
  const told = bars.map(({ name, value }) => `${name} ${short(value)}`).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
      `height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(`${unit}: ${told}`)}</desc>`,
    `<style>${STYLE}</style>`,
    `<text class="title" x="0" y="18">${escaped(title)}</text>`,
    `<text class="small" x="0" y="38">${escaped(unit)}</text>`,
    ...grid,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

/** The powers of ten that hold all bars, the shortest one still to be seen. */
function powers(bars: readonly Bar[]): [number, number] {
  const from = Math.floor(Math.log10(Math.min(...bars.map(({ low }) => low)) / 1.2));
  const to = Math.ceil(Math.log10(Math.max(...bars.map(({ high }) => high))));
  return [from, Math.max(to, from + 1)];
}

/** A number in three digits, thousands and millions by a letter. */
export function short(value: number): string {
  const [by, letter] = value >= 1e6 ? [1e6, ' M'] : value >= 1e4 ? [1e3, ' k'] : [1, ''];
  return `${Number((value / by).toPrecision(3))}${letter}`;
}

function at(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
