/**
 * The other side of landscape.ts: the loop over points that one writes by hand in stock TensorFlow.js, in a
 * process of its own, without this library. Messages:
 * {topology, shapes, origin, dx, dy, others, inputs, inputShape, labels} to set up, {points, batchSize} to
 * run.
 */
const tf = require('@tensorflow/tfjs-node-gpu');

let model;
let data;
let plane;

async function setUp({ topology, shapes, origin, dx, dy, others, inputs, inputShape, labels }) {
  model = await tf.models.modelFromJSON(topology);
  model.compile({
    optimizer: 'sgd',
    loss: (a, b) => tf.losses.softmaxCrossEntropy(a, b),
    metrics: ['accuracy'],
  });
  const tensors = (arrays) => arrays.map((values, i) => tf.tensor(values, shapes[i]));
  plane = {
    w: tensors(origin),
    dx: tensors(dx),
    dy: tensors(dy),
    others: model.getWeights().slice(shapes.length),
  };
  for (const [i, values] of others.entries()) plane.others[i] = tf.tensor(values, plane.others[i].shape);
  data = {
    xs: tf.tensor(inputs, [labels.length, ...inputShape]),
    ys: tf.oneHot(tf.tensor1d(labels, 'int32'), 10),
  };
  return {};
}

/** The losses at the points: the weights of each by tf.js ops, setWeights, evaluate. */
function loop({ points, batchSize }) {
  const { w, dx, dy, others } = plane;
  const started = performance.now();
  const usage = process.cpuUsage();
  const losses = points.map(([a, b]) =>
    tf.tidy(() => {
      model.setWeights([
        ...w.map((weight, i) => tf.add(weight, tf.add(tf.mul(dx[i], a), tf.mul(dy[i], b)))),
        ...others,
      ]);
      const [loss] = model.evaluate(data.xs, data.ys, { batchSize });
      return loss.dataSync()[0];
    }),
  );
  const { user, system } = process.cpuUsage(usage);
  return { losses, milliseconds: performance.now() - started, cpu: (user + system) / 1000 };
}

process.on('message', async (message) => {
  process.send(await (message.topology ? setUp(message) : loop(message)));
});
