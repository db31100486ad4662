import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OptionError } from 'lookbehind/errors';
import { say, verdictTable } from 'lookbehind/notebook';
import { type Check, formatEstimate, holm, judge, meanInterval } from 'lookbehind/statistics';

const check = (says: Check['says'], found: Check['found']): Check => ({
  claim: 'A claim.',
  protocol: 'Paired',
  says,
  found,
});
const interval = (low: number, high: number) => ({ estimate: (low + high) / 2, low, high, count: 5 });
const verdict = (says: Check['says'], low: number, high: number) =>
  judge([check(says, interval(low, high))])[0]!.verdict;

describe('a verdict', () => {
  test('holds where the whole interval is where the claim has it, and does not where none of it is', () => {
    assert.equal(verdict('less', -2, -1), 'holds here');
    assert.equal(verdict('less', 1, 2), 'does not hold here');
    assert.equal(verdict('less', -1, 2), 'not decided (n = 5)');
    assert.equal(verdict('more', 1, 2), 'holds here');
    assert.equal(verdict('more', -2, -1), 'does not hold here');
    const within = { low: -1, high: 1 };
    assert.equal(verdict(within, -0.5, 0.9), 'holds here');
    assert.equal(verdict(within, -0.5, 1.1), 'not decided (n = 5)');
    assert.equal(verdict(within, 1.5, 3), 'does not hold here');
  });

  test('is not decided without an interval', () => {
    assert.equal(judge([check('less', meanInterval([-3]))])[0]!.verdict, 'not decided (n = 1)');
    assert.equal(judge([check('less', meanInterval([-3, Number.NaN]))])[0]!.verdict, 'not decided (n = 1)');
    const single = judge([check('less', { estimate: -3, low: -3, high: -3, count: 1 })])[0]!;
    assert.equal(single.verdict, 'not decided (n = 1)');
    assert.match(single.found, /no interval/);
    assert.deepEqual(judge([]), []);
  });

  test('corrects the checks of a table together, but for those that were corrected before', () => {
    const weak = meanInterval([-1, -2, -0.2, -1.4, -0.6]);
    const strong = meanInterval([3, 3.1, 2.9, 3, 3.05]);
    assert.equal(judge([check('less', weak)])[0]!.verdict, 'holds here');
    const before = holm([
      [weak, ...Array.from({ length: 20 }, () => meanInterval([1, -1, 2, -2, 0]))],
    ])[0]![0]!;
    const judged = judge([
      check('less', weak),
      check('more', strong),
      check('less', before),
      check('less', interval(-2, -1)),
    ]);
    assert.deepEqual(
      judged.map(({ verdict, comparisons }) => [verdict, comparisons]),
      [
        ['holds here', 2],
        ['holds here', 2],
        ['not decided (n = 5)', 21],
        ['holds here', 1],
      ],
    );
  });

  test('refuses a claim of another kind', () => {
    assert.throws(() => judge([check('fewer' as 'less', interval(-2, -1))]), OptionError);
  });
});

test('estimates have two digits of the half of their interval', () => {
  assert.equal(formatEstimate({ estimate: -1.23, low: -2.5, high: 0.04 }), '-1.2 [-2.5, 0.0]');
  assert.equal(formatEstimate({ estimate: 0.0382, low: 0.0042, high: 0.0722 }), '0.038 [0.004, 0.072]');
  assert.equal(formatEstimate({ estimate: -15.2, low: -30.4, high: -0.01 }), '-15 [-30, 0]');
  assert.equal(formatEstimate({ estimate: 6e-7, low: 5e-7, high: 7e-7 }), '6.0e-7 [5.0e-7, 7.0e-7]');
  assert.equal(formatEstimate(meanInterval([2, 2, 2])), '2.0 [2.0, 2.0]');
  assert.equal(formatEstimate(meanInterval([-0.25])), '-0.25 [no interval]');
  const partly = meanInterval([1, Number.NaN, 2]);
  assert.equal(formatEstimate(partly), 'not every run has a value');
  const [judged] = judge([{ claim: 'a', protocol: 'p', says: 'less', found: partly, unit: 'points' }]);
  assert.deepEqual([judged?.found, judged?.verdict], ['not every run has a value', 'not decided (n = 2)']);
});

test('outside a notebook a table of verdicts and a text are printed', (t) => {
  const printed: string[] = [];
  t.mock.method(console, 'log', (text: string) => void printed.push(text));
  verdictTable([{ ...check('less', interval(-2, -1)), unit: 'points', cost: '6, SAM 2' }]);
  const less = interval(-2, -1);
  say`SAM's error is ${30.456} % after ${15} epochs, ${less} points less, ${'as claimed'}: $\\alpha$.`;
  assert.match(
    printed[0]!,
    /A claim\. +holds here +-1\.50 \[-2\.00, -1\.00\] points +5 +1 +6, SAM 2 +Paired$/,
  );
  assert.equal(
    printed[1],
    "SAM's error is 30.5 % after 15 epochs, -1.50 [-2.00, -1.00] points less, as claimed: $\\alpha$.",
  );
});
