/** Surfaces that are killed at random moments end as undisturbed ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertSurvivesKills, scale, startScript, type Victim } from './support';

const surfaceOf = (hidden: number, points: number, chunkSize: number): Victim => ({
  start: (folder) =>
    startScript(
      `const { digits } = require('lookbehind/data');
      const { flatWeights, lossSurface, Plane, randomDirection } = require('lookbehind/landscape');
      const models = require('lookbehind/models');
      const { mkdirSync, writeFileSync } = require('node:fs');
      const [folder, hidden, points, chunkSize] = process.argv.slice(1);
      mkdirSync(folder, { recursive: true });
      (async () => {
        const { train } = digits();
        const model = models.mlp({ inputs: train.inputShape, hidden: [Number(hidden)], classes: 10, seed: 1 });
        const plane = new Plane(flatWeights(model), randomDirection(model, { seed: 1 }), randomDirection(model, { seed: 2 }));
        const { provenance, centerDeviation, ...surface } = await lossSurface(model, train.subset(200), {
          plane,
          x: { from: -1, to: 1, points: Number(points) },
          chunkSize: Number(chunkSize),
          path: folder + '/surface.jsonl',
          onProgress: () => process.stdout.write('.'),
        });
        writeFileSync(folder + '/surface.json', JSON.stringify(surface));
      })();`,
      [folder, hidden, points, chunkSize].map(String),
    ),
  outcome: (folder) => JSON.parse(readFileSync(join(folder, 'surface.json'), 'utf8')),
});

test('surfaces', (t) => assertSurvivesKills(t, [surfaceOf(12, 25, 4), surfaceOf(30, 17, 3)], scale(3)));
