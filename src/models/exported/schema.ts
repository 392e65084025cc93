import { z } from 'zod';

/**
 * The part of torch.export's JSON (torch/_export/serde/schema.py, major version 8) that a network is made of. Unknown fields are ignored;
 * kinds of arguments and inputs that are not known stay, to be refused by their names.
 */

const size = z.union([
  z.object({ as_int: z.int() }),
  z.object({ as_expr: z.object({ expr_str: z.string() }) }),
]);
const tensorMeta = z.object({ dtype: z.int(), sizes: z.array(size) });
/** One key, the kind, and its value. */
const union = z.record(z.string(), z.unknown());

const nodeSchema = z.object({
  target: z.string(),
  inputs: z.array(z.object({ name: z.string(), arg: union })),
  outputs: z.array(union),
  metadata: z.object({ nn_module_stack: z.string().optional() }).default({}),
});
export type JsonNode = z.infer<typeof nodeSchema>;

export const programSchema = z.object({
  schema_version: z.object({ major: z.int(), minor: z.int() }),
  torch_version: z.string().default('2.4 or older'),
  graph_module: z.object({
    graph: z.object({
      nodes: z.array(nodeSchema),
      outputs: z.array(union),
      tensor_values: z.record(z.string(), tensorMeta),
      sym_int_values: z.record(z.string(), z.unknown()).default({}),
    }),
    signature: z.object({
      input_specs: z.array(union),
      output_specs: z.array(union),
    }),
  }),
});
export type ProgramJson = z.infer<typeof programSchema>;
export type TensorMeta = z.infer<typeof tensorMeta>;
export type Size = z.infer<typeof size>;

const named = z.object({ name: z.string() });

/** The inputs that a network has besides its images. */
export const inputSpecs = {
  parameter: z.object({ arg: named, parameter_name: z.string() }),
  buffer: z.object({ arg: named, buffer_name: z.string() }),
  tensor_constant: z.object({ arg: named, tensor_constant_name: z.string() }),
  user_input: z.object({ arg: z.object({ as_tensor: named }) }),
} as const;

/** Python's JSON has no infinities: they are words. */
const float = z.union([
  z.number(),
  z
    .string()
    .regex(/^(?:-?Infinity|NaN)$/)
    .transform(Number),
]);
const symbolic = z.union([z.object({ as_name: z.string() }), z.object({ as_int: z.number() })]);
const optionalTensor = z.union([z.object({ as_tensor: named }), z.object({ as_none: z.unknown() })]);

/** The kinds of arguments that are read. */
export const ARGUMENTS = {
  as_none: z.unknown(),
  as_tensor: named,
  as_tensors: z.array(named),
  as_optional_tensor: optionalTensor,
  as_optional_tensors: z.array(optionalTensor),
  as_int: z.number(),
  as_ints: z.array(z.number()),
  as_float: float,
  as_floats: z.array(float),
  as_bool: z.boolean(),
  as_bools: z.array(z.boolean()),
  as_string: z.string(),
  as_sym_int: symbolic,
  as_sym_ints: z.array(symbolic),
  as_scalar_type: z.int(),
  as_memory_format: z.int(),
  as_layout: z.int(),
  as_device: z.unknown(),
} as const;
export type ArgumentKind = keyof typeof ARGUMENTS;

/** Where a raw tensor of the newest layout lies, and its shape. */
export const payloadSchema = z.object({
  config: z.record(
    z.string(),
    z.object({
      path_name: z.string(),
      use_pickle: z.boolean(),
      tensor_meta: tensorMeta.extend({ strides: z.array(size), storage_offset: size }).nullable(),
    }),
  ),
});
