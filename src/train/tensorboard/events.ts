import { PbfReader, PbfWriter } from 'pbf';

/** A measurement or a plug-in's message under its tag. */
export type BoardValue = { readonly tag: string } & (
  | { readonly scalar: number }
  /** The message that a plug-in reads; the hparams plug-in's here. */
  | { readonly hparams: Uint8Array }
);

/** A field of a message. */
type Field = (to: PbfWriter) => void;

// The numbers are those of tensorboard's event.proto, summary.proto, tensor.proto and hparams/plugin_data.proto.
function message(...fields: readonly Field[]): Uint8Array {
  const to = new PbfWriter();
  for (const field of fields) field(to);
  return to.finish();
}
/** A kind of field, by how it is written. */
const fieldOf =
  <Value>(write: (to: PbfWriter, number: number, value: Value) => void) =>
  (number: number, value: Value): Field =>
  (to) => {
    write(to, number, value);
  };
const text = fieldOf<string>((to, ...field) => {
  to.writeStringField(...field);
});
const bytes = fieldOf<Uint8Array>((to, ...field) => {
  to.writeBytesField(...field);
});
const whole = fieldOf<number>((to, ...field) => {
  to.writeVarintField(...field);
});
const float = fieldOf<number>((to, ...field) => {
  to.writeFloatField(...field);
});
const double = fieldOf<number>((to, ...field) => {
  to.writeDoubleField(...field);
});

const secondsNow = (): number => Date.now() / 1000;

/** The first event of a file. */
export function versionEvent(): Uint8Array {
  return message(double(1, secondsNow()), text(3, 'brain.Event:2'));
}

/** An `Event` with a `Summary` of these values. */
export function summaryEvent(step: number, values: readonly BoardValue[]): Uint8Array {
  const summary = message(...values.map((value) => bytes(1, valueMessage(value))));
  return message(double(1, secondsNow()), whole(2, step), bytes(5, summary));
}

/** `Summary.Value`. Scalars are float32, as PyTorch's SummaryWriter writes them. */
function valueMessage(value: BoardValue): Uint8Array {
  const tag = text(1, value.tag);
  if ('scalar' in value) return message(tag, float(2, value.scalar));
  const plugin = message(text(1, 'hparams'), bytes(2, value.hparams));
  return message(tag, bytes(9, message(bytes(1, plugin))), bytes(8, EMPTY_TENSOR));
}

/** Float32 of the shape [0]: stands where a value is in a plug-in's message. */
const EMPTY_TENSOR = message(whole(1, 1), bytes(2, message(bytes(2, message()))));

/** `HParamsPluginData.session_start_info` */
export function sessionStart(hparams: Readonly<Record<string, number | string | boolean>>): Uint8Array {
  const entries = Object.entries(hparams).map(([name, value]) =>
    bytes(1, message(text(1, name), bytes(2, structValue(value)))),
  );
  return message(bytes(3, message(...entries, double(5, secondsNow()))));
}

/** `google.protobuf.Value` */
function structValue(value: number | string | boolean): Uint8Array {
  if (typeof value === 'number') return message(double(2, value));
  return message(typeof value === 'string' ? text(3, value) : whole(4, Number(value)));
}

/** `HParamsPluginData.session_end_info` of a finished run. */
export function sessionEnd(): Uint8Array {
  const success = 1;
  return message(bytes(4, message(whole(1, success), double(2, secondsNow()))));
}

/** The step of an event, and the tags of its values. */
export interface ReadEvent {
  readonly step: number;
  readonly tags: readonly string[];
}

export function readEvent(event: Uint8Array): ReadEvent {
  const read = { step: 0, tags: [] as string[] };
  return new PbfReader(event).readFields((number, found, from) => {
    if (number === 2) found.step = from.readVarint();
    else if (number === 5) from.readMessage(readSummary, found.tags);
  }, read);
}

function readSummary(number: number, tags: string[], from: PbfReader): void {
  if (number === 1) from.readMessage(readValue, tags);
}

function readValue(number: number, tags: string[], from: PbfReader): void {
  if (number === 1) tags.push(from.readString());
}
