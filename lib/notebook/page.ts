/**
 * A figure as one HTML page that holds all it needs: it can be turned and zoomed in any browser, without this
 * project and without a network.
 *
 * plotly.js is written into the page itself: the smallest of its bundles that draws the figure (1.5 to 5 MB).
 * What the scripts of a page can do and a notebook's output cannot: several surfaces turn together.
 */
import { readFileSync } from 'node:fs';
import { dirname, extname } from 'node:path';
import { checkNumber, checkOneOf } from '../core/errors';
import { escapeHtml } from '../core/escape';
import { checkOptions, either, flag, type OptionsOf, object, text } from '../core/options';
import { type Caption, type Figure, withCaption } from '../figures';
import { NARROW } from '../figures/compose';
import { scenesOf } from '../figures/flatten';
import { DARK_PAGE } from '../figures/theme';
import { makeFolder, writeFileAtomic } from '../files/atomicFile';
import { adaptable, compact, plainTitle } from './bundle';
import { figureToPng, figureToSvg, find } from './static';

const PAGE = {
  /** Text under the plot, or its fields. Default: the figure's own. */
  caption: either(text(), object<Caption>()),
  /** Turns all 3-D scenes of the figure with the one that the reader turns. Default true. */
  linkCameras: flag(true),
};

/** Options of `figureToHtml` and `saveFigure`. */
export type PageOptions = OptionsOf<typeof PAGE>;

/**
 * A figure as the text of an HTML page.
 * @throws {OptionError} for an option that is unknown or wrong, and for a width that is not a number above
 * 0. {PictureError} if plotly.js is not installed.
 */
export function figureToHtml(figure: Figure, options: PageOptions = {}): string {
  const { linkCameras } = checkOptions('figureToHtml', PAGE, options);
  const captioned = captionedBy(figure, options);
  const width = checkNumber('width of the figure', captioned.layout.width ?? 820, {
    min: 0,
    exclusiveMin: true,
  });
  const scenes = linkCameras ? scenesOf(captioned.layout) : [];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(plainTitle(captioned))}</title>
<style>body { margin: 16px auto; max-width: ${width}px; background: #fff; }
#figure { min-width: ${Math.min(width, NARROW)}px; }
${DARK_PAGE}</style>
<script>${insideScript(readFileSync(find(bundleOf(captioned)), 'utf8'))}</script>
</head>
<body>
<div id="figure"></div>
<script>
const figure = ${insideScript(JSON.stringify(adaptable(captioned)))};
const plot = document.getElementById('figure');
Plotly.newPlot(plot, figure).then(() => {${scenes.length > 1 ? linkScript(scenes) : ''}});
</script>
</body>
</html>
`;
}

/** Ways to write a figure, by the ending of the file. */
const WRITERS: Readonly<
  Record<string, (figure: Figure, options: PageOptions) => string | Uint8Array | Promise<string | Uint8Array>>
> = {
  '.html': figureToHtml,
  '.png': (figure, options) => figureToPng(captionedBy(figure, options)),
  '.svg': (figure, options) => figureToSvg(captionedBy(figure, options)),
  '.json': (figure, options) => `${JSON.stringify(compact(captionedBy(figure, options)))}\n`,
};

/**
 * Writes a figure to a file, which then is there whole or not at all: as a page (`.html`), as a picture
 * (`.png`, `.svg`; surfaces are drawn as contours), or as plotly's data and layout (`.json`). Folders that
 * are missing are made.
 * @throws {OptionError} for another ending. Else as `figureToHtml` and `figureToPng`.
 */
export async function saveFigure(path: string, figure: Figure, options: PageOptions = {}): Promise<void> {
  checkOptions('saveFigure', PAGE, options);
  const ending = checkOneOf('the ending of path', extname(path), Object.keys(WRITERS));
  const content = await WRITERS[ending]!(figure, options);
  makeFolder(dirname(path));
  writeFileAtomic(path, content);
}

function captionedBy(figure: Figure, { caption }: PageOptions): Figure {
  return caption === undefined ? figure : withCaption(figure, caption);
}

/** Kinds of traces that plotly's partial bundles draw, the smaller bundles first. */
const BUNDLES: readonly [file: string, kinds: readonly string[]][] = [
  ['plotly-cartesian', ['scatter', 'bar', 'heatmap', 'contour']],
  ['plotly-gl3d', ['scatter', 'surface', 'scatter3d']],
];

function bundleOf({ data }: Figure): string {
  const [file] = BUNDLES.find(([, kinds]) => data.every(({ type }) => kinds.includes(type))) ?? ['plotly'];
  return `plotly.js/dist/${file}.min.js`;
}

/**
 * Gives all scenes the camera of the one that turns, frame by frame until it stands still. It is read from
 * the scene itself: what plotly.js reports is a frame old, and a scene turns on for a moment when the mouse
 * lets go. The turned scene is among those that are set, because plotly.js
 * would else put it back to where its turn began. The events of that are known by naming all scenes.
 */
function linkScript(scenes: readonly string[]): string {
  return `
  const scenes = ${JSON.stringify(scenes)};
  const numbers = ({ eye, center, up }) => [eye, center, up].flatMap(({ x, y, z }) => [x, y, z]);
  let turned;
  let last = [];
  let still = Infinity;
  const follow = () => {
    const camera = plot._fullLayout[turned]._scene.getCamera();
    const now = numbers(camera);
    const moved = now.some((value, i) => !(Math.abs(value - last[i]) < 1e-6));
    last = now;
    still = moved ? 0 : still + 1;
    if (moved) Plotly.relayout(plot, Object.fromEntries(scenes.map((scene) => [scene + '.camera', camera])));
    if (still < 30) requestAnimationFrame(follow);
  };
  const begin = (change) => {
    const named = scenes.filter((scene) => scene + '.camera' in change);
    if (named.length !== 1) return;
    const rests = !(still < 30);
    turned = named[0];
    still = 0;
    if (rests) requestAnimationFrame(follow);
  };
  plot.on('plotly_relayouting', begin);
  plot.on('plotly_relayout', begin);
`;
}

/** JavaScript that does not end the element it stands in; its strings and patterns mean the same. */
export function insideScript(source: string): string {
  return source.replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
}
