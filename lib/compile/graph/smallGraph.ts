/**
 * Graphs of many small ops as one function that runs on one thread.
 *
 * TensorFlow's usual executor hands ops that are ready from thread to thread. Where an op takes a
 * microsecond, that costs more than the op, the more so on a machine whose cores are shared. A session cannot
 * be asked for another executor through tfjs-node, but the call of a function names its own:
 *
 *     feeds -> PartitionedCall(function, SINGLE_THREADED_EXECUTOR) -> fetches
 *
 * The ops are the same, one after the other, and so are the values.
 */

import { type GraphNode, type GraphTensor, nodeOf, nodeProto } from './builder';
import { outputNamesOf } from './outputNames';
import { type ArgumentProto, type AttrValueProto, type GraphDefProto, protos } from './proto';

/**
 * So many recorded nodes make up for the call of the function: a twentieth of a millisecond at each run, and
 * more at the first one.
 */
export const MANY_NODES = 400;

/** Elements of the largest tensor that a small op reads or writes. */
const SMALL_ELEMENTS = 2 ** 15;

/** Multiplications of the largest matrix product that is small: some 20 microseconds. */
const SMALL_PRODUCT = 2 ** 19;

const CALL = 'call';
const FUNCTION = 'step';

/**
 * A ConfigProto whose graph_options.rewrite_options.disable_meta_optimizer is true: the function is
 * simplified with the graph that calls it, so it need not be again where it is first called.
 */
const SIMPLIFIED = Uint8Array.of(0x52, 0x05, 0x52, 0x03, 0x98, 0x01, 0x01);

/** Whether an op, known by its shapes, takes less time than it takes to hand it to another thread. */
export function isSmallOp(
  op: string,
  inputs: readonly (readonly number[])[],
  output: readonly number[],
): boolean {
  if (op === 'Placeholder' || op === 'Const') return true;
  if (outputNamesOf(op) === undefined) return false;
  if ([output, ...inputs].some((shape) => sizeOf(shape) > SMALL_ELEMENTS)) return false;
  if (op === 'BatchMatMulV2') return false;
  // Rows times columns times what they have in common, squared.
  return op !== 'MatMul' || sizeOf(output) * sizeOf(inputs[0]) * sizeOf(inputs[1]) <= SMALL_PRODUCT ** 2;
}

/** Fills `graph` with the call of a function that has these nodes. Returns what to fetch. */
export function asFunction(
  graph: GraphDefProto,
  nodes: readonly GraphNode[],
  inputs: readonly GraphTensor[],
  outputs: readonly GraphTensor[],
  typeOf: (tensor: GraphTensor) => number,
): GraphTensor[] {
  const { FunctionDef, FunctionDefLibrary, OpDef } = protos();
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const isFed = ({ op }: GraphNode): boolean => op === 'Placeholder';
  const inFunction = (tensor: GraphTensor): string => {
    const node = byName.get(nodeOf(tensor)) as GraphNode;
    if (isFed(node)) return node.name;
    const names = node.op === 'Const' ? ['output'] : (outputNamesOf(node.op) as string[]);
    return `${node.name}:${names[Number(tensor.slice(node.name.length + 1))]}:0`;
  };
  const signature = new OpDef();
  signature.setName(FUNCTION);
  signature.setInputArgList(inputs.map((tensor) => argument(nodeOf(tensor), typeOf(tensor))));
  signature.setOutputArgList(outputs.map((tensor, i) => argument(`o${i}`, typeOf(tensor))));
  const fn = new FunctionDef();
  fn.setSignature(signature);
  fn.setNodeDefList(
    nodes.filter((node) => !isFed(node)).map((node) => nodeProto(node, node.inputs.map(inFunction))),
  );
  for (const [i, tensor] of outputs.entries()) fn.getRetMap().set(`o${i}`, inFunction(tensor));
  // Else the function becomes a part of the graph again, and so of its executor.
  fn.getAttrMap().set(
    '_noinline',
    attributeOf((value) => value.setB(true)),
  );
  const library = new FunctionDefLibrary();
  library.addFunction(fn);
  graph.setLibrary(library);
  const call: GraphNode = {
    name: CALL,
    op: 'PartitionedCall',
    inputs,
    attributes: [
      ['Tin', typeList(inputs.map(typeOf))],
      ['Tout', typeList(outputs.map(typeOf))],
      ['f', attributeOf((value) => value.setFunc(named(FUNCTION)))],
      ['executor_type', attributeOf((value) => value.setS(Buffer.from('SINGLE_THREADED_EXECUTOR')))],
      ['config', attributeOf((value) => value.setS(new Uint8Array()))],
      ['config_proto', attributeOf((value) => value.setS(SIMPLIFIED))],
    ],
  };
  const feeds = nodes.filter(isFed).map((node) => nodeProto(node, []));
  graph.setNodeList([...feeds, nodeProto(call, inputs)]);
  return outputs.map((_, i): GraphTensor => `${CALL}:${i}`);
}

function argument(name: string, dtype: number): ArgumentProto {
  const arg = new (protos().OpDef.ArgDef)();
  arg.setName(name);
  arg.setType(dtype);
  return arg;
}

function attributeOf(fill: (value: AttrValueProto) => void): AttrValueProto {
  const value = new (protos().AttrValue)();
  fill(value);
  return value;
}

function typeList(types: number[]): AttrValueProto {
  const list = new (protos().AttrValue.ListValue)();
  list.setTypeList(types);
  return attributeOf((value) => value.setList(list));
}

function named(name: string) {
  const value = new (protos().NameAttrList)();
  value.setName(name);
  return value;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
