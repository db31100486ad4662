/**
 * Texts of figures in cells of windows of 950 and 1,400 pixels; texts.test.ts looks at narrow ones. About a
 * minute.
 */
import { describeTexts, testTexts } from './figureTexts';

describeTexts('texts of figures in wide cells', (page) => testTexts(page, [770, 1220]));
