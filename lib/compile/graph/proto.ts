/**
 * Types of the protocol-buffer classes that tfjs-node ships (for reading SavedModels; they can also write
 * them).
 */
import { NativeRuntimeError } from '../../core/errors';
import { nativePackage } from '../native';

export interface ShapeProto {
  setDimList(dims: { setSize(size: number): void }[]): void;
}

export interface TensorProto {
  setDtype(dtype: number): void;
  setTensorShape(shape: ShapeProto): void;
  setTensorContent(bytes: Uint8Array): void;
  setFloatValList(values: number[]): void;
  setIntValList(values: number[]): void;
  setBoolValList(values: boolean[]): void;
  getFloatValList(): number[];
  getIntValList(): number[];
}

export interface ListValueProto {
  setSList(values: Uint8Array[]): void;
  setIList(values: number[]): void;
  setFList(values: number[]): void;
  setBList(values: boolean[]): void;
  setTypeList(values: number[]): void;
}

export interface AttrValueProto {
  setS(value: Uint8Array): void;
  setI(value: number): void;
  setF(value: number): void;
  setB(value: boolean): void;
  setType(value: number): void;
  setShape(value: ShapeProto): void;
  setTensor(value: TensorProto): void;
  setList(value: ListValueProto): void;
  setFunc(value: { setName(name: string): void }): void;
  getTensor(): TensorProto;
  serializeBinary(): Uint8Array;
}

export interface NodeDefProto {
  setName(name: string): void;
  setOp(op: string): void;
  setInputList(inputs: string[]): void;
  getAttrMap(): { set(name: string, value: AttrValueProto): void };
}

export interface FunctionDefProto {
  setSignature(signature: SignatureProto): void;
  setNodeDefList(nodes: NodeDefProto[]): void;
  getRetMap(): { set(output: string, tensor: string): void };
  getAttrMap(): { set(name: string, value: AttrValueProto): void };
}

export interface ArgumentProto {
  setName(name: string): void;
  setType(dtype: number): void;
}

export interface SignatureProto {
  setName(name: string): void;
  setInputArgList(args: ArgumentProto[]): void;
  setOutputArgList(args: ArgumentProto[]): void;
}

export interface GraphDefProto {
  setLibrary(library: { addFunction(fn: FunctionDefProto): void }): void;
  setNodeList(nodes: NodeDefProto[]): void;
  setVersions(version: { setProducer(producer: number): void }): void;
}

export interface SavedModelProto {
  setSavedModelSchemaVersion(version: number): void;
  addMetaGraphs(meta: object): void;
  serializeBinary(): Uint8Array;
}

export interface Protos {
  AttrValue: { new (): AttrValueProto; ListValue: new () => ListValueProto };
  FunctionDef: new () => FunctionDefProto;
  FunctionDefLibrary: new () => { addFunction(fn: FunctionDefProto): void };
  GraphDef: new () => GraphDefProto;
  MetaGraphDef: {
    new (): { setMetaInfoDef(info: object): void; setGraphDef(graph: GraphDefProto): void };
    MetaInfoDef: new () => { addTags(tag: string): void };
  };
  NameAttrList: new () => { setName(name: string): void };
  NodeDef: new () => NodeDefProto;
  OpDef: { new (): SignatureProto; ArgDef: new () => ArgumentProto };
  SavedModel: new () => SavedModelProto;
  Tensor: new () => TensorProto;
  TensorShape: { new (): ShapeProto; Dim: new () => { setSize(size: number): void } };
  VersionDef: new () => { setProducer(producer: number): void };
}

let loaded: Protos | undefined;

/** The classes, loaded at the first call. */
export function protos(): Protos {
  if (loaded === undefined) {
    try {
      loaded = require(`${nativePackage}/dist/proto/api_pb`) as Protos;
    } catch (error) {
      throw new NativeRuntimeError(
        `${nativePackage} does not bring its protocol buffers (dist/proto/api_pb), which compile() needs. ` +
          'Install version 4.22, or run without compiling (LB_EAGER=1, or the option eager: true).',
        { cause: error },
      );
    }
  }
  return loaded;
}
