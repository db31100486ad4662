/**
 * What the atlas says on Lookbehind: at each place, a budget with a share of wrong labels on some data, the
 * best of its kinds beside the best of the other published methods, for the same gradients.
 *
 *     a side's best   the method whose chosen draw has the least mean error on the selection set
 *     difference      errors of the one minus those of the other, paired by seed, on the test set
 *     intervals       t, corrected by Holm for all places together
 *     any budget      each side at the budget at which its error on the selection set is the least
 */
import { METHODS } from '../core/methods';
import { mean } from '../core/spread';
import { type Figure, heatmap } from '../figures';
import { describeIntervals, type Estimate, holm, meanInterval } from '../statistics';
import type { AtlasRow } from './atlas';
import { STUDY, type StudyMethod, type StudyPart, type StudyPartName } from './studyParts';

/** A place in the atlas. */
export type AtlasPlace = Pick<AtlasRow, 'part' | 'labelNoise' | 'budget'>;

/** Lookbehind and what it competes with. */
export interface AtlasDuel<Place = AtlasPlace> {
  /** Where. */
  place: Place;
  /** The report of the best kind of Lookbehind. */
  ours: AtlasRow;
  /** That of the best other method. */
  other: AtlasRow;
  /** The error of `ours` minus that of `other`, in points. */
  difference: Estimate;
}

/** Points at which the colors of the map end: beyond them all are equally bad. */
const FARTHEST = 5;
const BUDGET = 'Gradients per training sample';

/** The places of the atlas: by part, wrong labels and budget. */
export function atlasPlaces(rows: readonly AtlasRow[]): AtlasPlace[] {
  const found = new Map(
    rows.map(({ part, labelNoise, budget }) => [
      [part, labelNoise, budget].join(),
      { part, labelNoise, budget },
    ]),
  );
  const parts = Object.keys(STUDY);
  return [...found.values()].sort(
    (a, b) =>
      parts.indexOf(a.part) - parts.indexOf(b.part) || a.labelNoise - b.labelNoise || a.budget - b.budget,
  );
}

/** The chosen draw of a method at a place, on fresh seeds and the test set; undefined where there is none. */
export function atlasReport(
  rows: readonly AtlasRow[],
  place: AtlasPlace,
  method: StudyMethod,
): AtlasRow | undefined {
  return rows.find((row) => row.stage === 'report' && row.method === method && isAt(row, place));
}

/** A draw that was tried, and its mean error in per cent on the selection set. */
export interface AtlasTrial {
  /** Its number. */
  draw: number;
  /** Where a run that diverged counts as guessing. */
  error: number;
}

/** The draws that a report was chosen from, in their order. */
export function atlasTrials(rows: readonly AtlasRow[], report: AtlasRow): AtlasTrial[] {
  const { guessing } = partOf(report);
  return rows
    .filter((row) => row.stage === 'selection' && row.method === report.method && isAt(row, report))
    .sort((a, b) => a.draw - b.draw)
    .map(({ draw, values: { testError } }) => ({
      draw,
      error: mean(testError.map((error) => (Number.isFinite(error) ? error : guessing))),
    }));
}

/** How much more error `a` has than `b`, in points, paired by seed. Both are reports at one place. */
export function atlasDifference(a: AtlasRow, b: AtlasRow): Estimate {
  return meanInterval(a.values.testError.map((error, i) => error - b.values.testError[i]));
}

/** The best Lookbehind beside the best other published method, at each place where there are both. */
export function atlasDuels(rows: readonly AtlasRow[]): AtlasDuel[] {
  return duelsAt(rows, atlasPlaces(rows), isAt);
}

/**
 * The same where each side also chooses its budget: long training learns wrong labels, and who stops earlier
 * does not need what prevents that.
 */
export function atlasDuelsAtAnyBudget(rows: readonly AtlasRow[]): AtlasDuel<Omit<AtlasPlace, 'budget'>>[] {
  const all = atlasPlaces(rows).map(({ part, labelNoise }) => ({ part, labelNoise }));
  const places = all.filter((one, i) => all.findIndex((other) => isData(other, one)) === i);
  return duelsAt(rows, places, isData);
}

function duelsAt<Place>(
  rows: readonly AtlasRow[],
  places: readonly Place[],
  isThere: (row: AtlasRow, place: Place) => boolean,
): AtlasDuel<Place>[] {
  const duels = places.flatMap((place) => {
    const reports = rows.filter((row) => row.stage === 'report' && isThere(row, place));
    const bestOf = (side: AtlasRow[]) => {
      const errors = side.map((report) => Math.min(...atlasTrials(rows, report).map(({ error }) => error)));
      return side[errors.indexOf(Math.min(...errors))] as AtlasRow | undefined;
    };
    const stepsOf = ({ method }: AtlasRow) => METHODS[method].steps;
    const ours = bestOf(reports.filter((row) => stepsOf(row) === 'lookbehind'));
    const other = bestOf(
      reports.filter((row) => !['lookbehind', 'straight', 'repeated'].includes(stepsOf(row))),
    );
    return ours && other ? [{ place, ours, other, difference: atlasDifference(ours, other) }] : [];
  });
  const [corrected] = holm([duels.map(({ difference }) => difference)]);
  return duels.map((duel, i) => ({ ...duel, difference: corrected[i] }));
}

/**
 * A map of duels: in color where Lookbehind wins or loses, gray where the interval includes zero, with the
 * k and rho that were chosen for it.
 */
export function atlasMap(duels: readonly AtlasDuel[]): Figure {
  const nameOf = ({ part, labelNoise }: AtlasPlace) => `${partOf({ part }).title}, ${100 * labelNoise} %`;
  const rows = [...new Set(duels.map(({ place }) => nameOf(place)))];
  const columns = [...new Set(duels.map(({ place }) => place.budget))].sort((a, b) => a - b);
  const cells = rows.map((row) =>
    columns.map((budget) => duels.find(({ place }) => nameOf(place) === row && place.budget === budget)),
  );
  const texts = (text: (duel: AtlasDuel) => string, none: string) =>
    cells.map((row) => row.map((duel) => (duel ? text(duel) : none)));
  const map = heatmap({
    rows,
    columns,
    x: BUDGET,
    y: 'Data, network, wrong labels',
    z: 'Lookbehind minus best other (points)',
    middle: 0,
    range: [-FARTHEST, FARTHEST],
    values: cells.map((row) =>
      row.map((duel) => (duel && isDecided(duel) ? duel.difference.estimate : Number.NaN)),
    ),
    missing: texts(({ difference }) => `${difference.estimate.toFixed(1)}, open`, 'not run'),
    notes: texts(({ ours }) => [chosenOf(ours), kindOf(ours)].filter(Boolean).join('\n'), ''),
    width: 760, // whole in a window of 950 pixels
    title: 'When is Lookbehind worth its gradients?',
    subtitle:
      'Blue: it has less error than the best other method tried. ' +
      describeIntervals(duels.map(({ difference }) => difference)),
    caption: {
      note:
        'Read from data/atlas. Gray: the interval includes zero. Fewer gradients may do as well: ' +
        'compare along a row. *: on the edge of its range',
    },
  });
  return { ...map, layout: { ...map.layout, autosize: false } }; // narrower, the texts of cells overlap
}

/** Whether the interval of a difference excludes zero. */
function isDecided({ difference: { low, high } }: AtlasDuel): boolean {
  return low > 0 || high < 0;
}

/** A place without its budget, in words: `Digits, MLP, 20 % wrong labels`. */
export function placeName({ part, labelNoise }: Pick<AtlasPlace, 'part' | 'labelNoise'>): string {
  const labels = labelNoise === 0 ? 'right labels' : `${100 * labelNoise} % wrong labels`;
  return `${partOf({ part }).title}, ${labels}`;
}

/** What was chosen of a row of Lookbehind: `k = 2, ρ = 0.05`, with ASAM and adaptive behind it. */
export function settingName(row: AtlasRow): string {
  return [chosenOf(row), kindOf(row)].filter(Boolean).join(', ');
}

function chosenOf({ setting: { k, radius }, edges }: AtlasRow): string {
  const rho = Number(((2 * radius) / (k + 1)).toPrecision(2));
  return `k = ${k}, ρ = ${rho}${edges && 'radius' in edges ? '*' : ''}`;
}

function kindOf({ method }: AtlasRow): string {
  const { rule, adaptive } = METHODS[method] as { rule: string; adaptive?: true };
  return [...(rule === 'ASAM' ? ['ASAM'] : []), ...(adaptive ? ['adaptive'] : [])].join(', ');
}

function partOf({ part }: Pick<AtlasPlace, 'part'>): StudyPart {
  return STUDY[part as StudyPartName];
}

function isAt(row: AtlasRow, place: AtlasPlace): boolean {
  return isData(row, place) && row.budget === place.budget;
}

function isData(row: Omit<AtlasPlace, 'budget'>, place: Omit<AtlasPlace, 'budget'>): boolean {
  return row.part === place.part && row.labelNoise === place.labelNoise;
}
