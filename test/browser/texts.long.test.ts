/**
 * Texts of the figures of the committed notebooks, in cells of windows of 600, 950 and 1,400 pixels, and of
 * samples in wide cells; texts.test.ts looks at samples in narrow ones. Two minutes.
 */
import { NARROW } from '../../lib/dist/figures/compose';
import { describeTexts, sampleFigures, testTexts } from './figureTexts';
import { notebookFigures } from './notebookFigures';

const WIDE = [770, 1220];

describeTexts('texts of figures', (page) => {
  testTexts(page, 'those of notebooks', notebookFigures(), [NARROW, ...WIDE]);
  testTexts(page, 'those of samples', sampleFigures(), WIDE);
});
