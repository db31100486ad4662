/**
 * Many steps of each optimizer, compiled: no tensor stays behind, and the memory of the process does not
 * grow.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outputOf, scale, startScript } from './support';

const STEPS = scale(300);
const MEGABYTES = 50;

/** The factories of the family, with options that make each keep all that it can. */
const OPTIMIZERS: Readonly<Record<string, string>> = {
  sgd: 'sgd({ learningRate: 0.01, momentum: 0.9, dampening: 0.1, weightDecay: 1e-4 })',
  adamw: 'adamw()',
  sam: 'sam({ learningRate: 0.01, momentum: 0.9 })',
  asam: 'asam({ learningRate: 0.01, momentum: 0.9 })',
  multistepSAM: 'multistepSAM({ k: 2, learningRate: 0.01, momentum: 0.9 })',
  multistepASAM: 'multistepASAM({ k: 2, learningRate: 0.01, momentum: 0.9 })',
  lookbehindSAM: "lookbehindSAM({ k: 2, alpha: 'adaptive', learningRate: 0.01, momentum: 0.9 })",
  lookbehindASAM: "lookbehindASAM({ k: 2, alpha: 'adaptive', learningRate: 0.01, momentum: 0.9 })",
  lookahead: 'lookahead(sam({ learningRate: 0.01, momentum: 0.9 }), { k: 3 })',
};

for (const [name, factory] of Object.entries(OPTIMIZERS)) {
  test(`${STEPS} steps of ${name}`, async (t) => {
    const child = startScript(
      `const tf = require('@tensorflow/tfjs');
      const { adamw, asam, lookahead, lookbehindASAM, lookbehindSAM, multistepASAM, multistepSAM, sam, sgd } = require('lookbehind');
      const { digits } = require('lookbehind/data');
      const models = require('lookbehind/models');
      const { Trainer } = require('lookbehind/train');
      const { train } = digits();
      const data = train.subset(320);
      const model = models.mlp({ inputs: train.inputShape, hidden: [16], classes: 10 });
      const optimizer = ${factory};
      const trainer = new Trainer(model, optimizer, data, { epochs: Math.ceil(Number(process.argv[1]) * 1.2 / 10), batchSize: 32 });
      const seen = [];
      const look = () => { global.gc(); seen.push([tf.memory().numTensors, process.memoryUsage().rss / 2 ** 20]); };
      (async () => {
        await trainer.train({ untilEpoch: Math.ceil(trainer.epochs / 6) });
        look();
        await trainer.train();
        look();
        console.log(JSON.stringify({ seen, iterations: optimizer.iterations }));
      })();`,
      [String(STEPS)],
      { execArgv: ['--expose-gc'] },
    );
    const { code, stdout, stderr } = await outputOf(child);
    assert.equal(code, 0, stderr);
    const { seen, iterations } = JSON.parse(stdout.trim().split('\n').at(-1)!);
    const [[tensors, before], [tensorsAfter, after]] = seen;
    t.diagnostic(`${(after - before).toFixed(1)} MB more after ${iterations} steps`);
    assert.equal(tensorsAfter, tensors);
    assert.ok(after - before < MEGABYTES, `${before} MB, then ${after} MB`);
  });
}
