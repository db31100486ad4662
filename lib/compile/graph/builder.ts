/**
 * Builds a TensorFlow graph node by node, and writes it as a SavedModel.
 */

import type * as tf from '../../core/tf';
import { ATTRIBUTE_TYPE, DATA_TYPE, type OpAttribute, usesGpu } from '../backend';
import { CompileError } from './error';
import { type AttrValueProto, type NodeDefProto, protos, type ShapeProto } from './proto';
import { asFunction, isSmallOp, MANY_NODES } from './smallGraph';

/** Name of a tensor in a graph: a node, and which of its outputs. */
export type GraphTensor = `${string}:${number}`;

/** Data of a constant. */
export type ConstantData = Float32Array | Int32Array | Uint8Array;

/** The GraphDef version that the nodes are written for. Ops have kept their meaning since. */
const PRODUCER = 1882;

/**
 * Constants up to this many elements are compared with those already there, so that equal ones are stored
 * once.
 */
const SHARED_CONSTANT_SIZE = 64;

/** Shape and dtype of a tensor in a graph. */
export interface TensorForm {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
}

/** A node, and what of it is asked for. */
export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly inputs: readonly GraphTensor[];
  readonly attributes: readonly (readonly [string, AttrValueProto])[];
}

/** A graph as TensorFlow reads it. */
export interface SavedGraph {
  /** A SavedModel with the tag `serve`. */
  model: Uint8Array;
  /** What to fetch, in the order in which it was asked for. */
  fetches: GraphTensor[];
}

export class GraphBuilder {
  readonly #nodes: GraphNode[] = [];
  readonly #forms = new Map<GraphTensor, TensorForm>();
  readonly #constants = new Map<string, GraphTensor>();
  #constantBytes = 0;

  get nodeCount(): number {
    return this.#nodes.length;
  }

  /** How often each op occurs, most frequent first. */
  get opCounts(): Record<string, number> {
    const counts = new Map<string, number>();
    for (const { op } of this.#nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
    return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
  }

  /** Bytes of all constants, as they are written. */
  get constantBytes(): number {
    return this.#constantBytes;
  }

  /** The op of a node, by the node's name. */
  opOf(node: string): string | undefined {
    return this.#nodes[Number(node.slice(1))]?.op;
  }

  /** The first node that is another one in a graph recorded before; -1 where they are equal. */
  differsAt(before: GraphBuilder): number {
    const [nodes, old] = [this.#nodes, before.#nodes];
    const at = nodes.findIndex((node, i) => old[i] === undefined || !isSameNode(node, old[i]));
    return at < 0 && old.length > nodes.length ? nodes.length : at;
  }

  /** What the node of this index does, in words. */
  describeNode(index: number): string {
    const node = this.#nodes[index];
    const number = numberOf(node);
    if (number !== undefined) return `the number ${number}`;
    return node?.op === 'Const' ? 'a constant' : (node?.op ?? 'nothing');
  }

  /** Adds a node and returns its first output. The others are `output(node, i)`. */
  add(
    op: string,
    inputs: readonly GraphTensor[],
    attributes: readonly OpAttribute[],
    outputs: readonly TensorForm[],
  ): GraphTensor {
    return this.#add(
      op,
      inputs,
      attributes.map((attribute) => [attribute.name, attributeValue(attribute)]),
      outputs,
    );
  }

  /** A tensor that is given at each run. */
  placeholder(dtype: tf.DataType, shape: readonly number[]): GraphTensor {
    const shapeValue = new (protos().AttrValue)();
    shapeValue.setShape(shapeProto(shape));
    return this.#add(
      'Placeholder',
      [],
      [dtypeEntry('dtype', dtype), ['shape', shapeValue]],
      [{ dtype, shape }],
    );
  }

  /** The same value under a node of its own: a placeholder cannot be fetched, its identity can. */
  identity(tensor: GraphTensor, dtype: tf.DataType): GraphTensor {
    return this.#add('Identity', [tensor], [dtypeEntry('T', dtype)], [this.#formOf(tensor)]);
  }

  /** A tensor of fixed values. Equal small ones, and equal ones that repeat one value, are stored once. */
  constant(dtype: tf.DataType, shape: readonly number[], data: ConstantData): GraphTensor {
    const uniform = data.length > 0 && data.every((value) => Object.is(value, data[0]));
    const key = uniform
      ? `${dtype}|${shape}|all ${Object.is(data[0], -0) ? '-0' : data[0]}`
      : data.length <= SHARED_CONSTANT_SIZE
        ? `${dtype}|${shape}|${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')}`
        : undefined;
    const known = key === undefined ? undefined : this.#constants.get(key);
    if (known !== undefined) return known;

    const proto = new (protos().Tensor)();
    proto.setDtype(DATA_TYPE[dtype]);
    proto.setTensorShape(shapeProto(shape));
    if (uniform) {
      // TensorFlow repeats a single value over the whole shape.
      if (dtype === 'bool') proto.setBoolValList([data[0] !== 0]);
      else if (dtype === 'int32') proto.setIntValList([data[0]]);
      else proto.setFloatValList([data[0]]);
    } else {
      proto.setTensorContent(
        new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)),
      );
      this.#constantBytes += data.byteLength;
    }
    const value = new (protos().AttrValue)();
    value.setTensor(proto);
    const name = this.#add('Const', [], [dtypeEntry('dtype', dtype), ['value', value]], [{ dtype, shape }]);
    if (key !== undefined) this.#constants.set(key, name);
    return name;
  }

  /**
   * The graph as TensorFlow reads it. Where it is many small ops, it is one function that runs on one thread
   * (graph/smallGraph.ts).
   *
   * @param inputs What is fed at each run.
   * @param outputs What is fetched.
   */
  serialize(inputs: readonly GraphTensor[], outputs: readonly GraphTensor[]): SavedGraph {
    const { GraphDef, MetaGraphDef, SavedModel, VersionDef } = protos();
    const versions = new VersionDef();
    versions.setProducer(PRODUCER);
    const graph = new GraphDef();
    graph.setVersions(versions);
    const small = outputs.length > 0 && !usesGpu() && this.#isSmall();
    const fetches = small
      ? asFunction(graph, this.#nodes, inputs, outputs, (tensor) => DATA_TYPE[this.#formOf(tensor).dtype])
      : [...outputs];
    if (!small) graph.setNodeList(this.#nodes.map((node) => nodeProto(node, node.inputs)));
    const info = new MetaGraphDef.MetaInfoDef();
    info.addTags('serve');
    const meta = new MetaGraphDef();
    meta.setMetaInfoDef(info);
    meta.setGraphDef(graph);
    const model = new SavedModel();
    model.setSavedModelSchemaVersion(1);
    model.addMetaGraphs(meta);
    return { model: model.serializeBinary(), fetches };
  }

  #formOf(tensor: GraphTensor): TensorForm {
    return this.#forms.get(tensor) as TensorForm;
  }

  #isSmall(): boolean {
    if (this.#nodes.length < MANY_NODES) return false;
    return this.#nodes.every(({ name, op, inputs }) =>
      isSmallOp(
        op,
        inputs.map((input) => this.#formOf(input).shape),
        this.#formOf(`${name}:0`).shape,
      ),
    );
  }

  #add(
    op: string,
    inputs: readonly GraphTensor[],
    attributes: GraphNode['attributes'],
    outputs: readonly TensorForm[],
  ): GraphTensor {
    const first: GraphTensor = `n${this.#nodes.length}:0`;
    this.#nodes.push({ name: nodeOf(first), op, inputs, attributes });
    outputs.forEach(({ shape, dtype }, i) => {
      this.#forms.set(output(first, i), { shape, dtype });
    });
    return first;
  }
}

/** The node that a tensor comes from. */
export function nodeOf(tensor: GraphTensor): string {
  return tensor.slice(0, tensor.lastIndexOf(':'));
}

/** Output `index` of the node whose first output is `first`. */
export function output(first: GraphTensor, index: number): GraphTensor {
  return `${nodeOf(first)}:${index}`;
}

/** A node as TensorFlow reads it, with its inputs under these names. */
export function nodeProto({ name, op, attributes }: GraphNode, inputs: readonly string[]): NodeDefProto {
  const node = new (protos().NodeDef)();
  node.setName(name);
  node.setOp(op);
  node.setInputList([...inputs]);
  const map = node.getAttrMap();
  for (const [key, value] of attributes) map.set(key, value);
  return node;
}

function isSameNode(a: GraphNode, b: GraphNode): boolean {
  return (
    a.op === b.op &&
    a.inputs.length === b.inputs.length &&
    a.inputs.every((input, i) => input === b.inputs[i]) &&
    a.attributes.length === b.attributes.length &&
    a.attributes.every(([name, value], i) => {
      const [otherName, other] = b.attributes[i];
      return name === otherName && Buffer.compare(value.serializeBinary(), other.serializeBinary()) === 0;
    })
  );
}

/** The number that a constant repeats, with the digits of its type; undefined for other nodes. */
function numberOf(node: GraphNode | undefined): number | undefined {
  const value = node?.op === 'Const' ? node.attributes.find(([name]) => name === 'value')?.[1] : undefined;
  if (value === undefined) return undefined;
  const [float] = value.getTensor().getFloatValList();
  return float === undefined ? value.getTensor().getIntValList()[0] : Number(float.toPrecision(7));
}

function dtypeEntry(name: string, dtype: tf.DataType): readonly [string, AttrValueProto] {
  const value = new (protos().AttrValue)();
  value.setType(DATA_TYPE[dtype]);
  return [name, value];
}

function shapeProto(shape: readonly number[]): ShapeProto {
  const { TensorShape } = protos();
  const proto = new TensorShape();
  proto.setDimList(
    shape.map((size) => {
      const dim = new TensorShape.Dim();
      dim.setSize(size);
      return dim;
    }),
  );
  return proto;
}

function attributeValue({ name, type, value }: OpAttribute): AttrValueProto {
  const { AttrValue } = protos();
  const proto = new AttrValue();
  if (type === ATTRIBUTE_TYPE.shape) {
    proto.setShape(shapeProto(value as number[]));
  } else if (Array.isArray(value)) {
    const list = new AttrValue.ListValue();
    if (type === ATTRIBUTE_TYPE.int) list.setIList(value);
    else if (type === ATTRIBUTE_TYPE.float) list.setFList(value);
    else if (type === ATTRIBUTE_TYPE.bool) list.setBList(value);
    else if (type === ATTRIBUTE_TYPE.type) list.setTypeList(value);
    else list.setSList(value.map((one) => Buffer.from(one as string)));
    proto.setList(list);
  } else if (type === ATTRIBUTE_TYPE.string) proto.setS(Buffer.from(value as string));
  else if (type === ATTRIBUTE_TYPE.int) proto.setI(value as number);
  else if (type === ATTRIBUTE_TYPE.float) proto.setF(value as number);
  else if (type === ATTRIBUTE_TYPE.bool) proto.setB(value as boolean);
  else if (type === ATTRIBUTE_TYPE.type) proto.setType(value as number);
  else
    throw new CompileError(`The op attribute "${name}" has a kind that compile() does not know (${type}).`);
  return proto;
}
