/** The one table of foreign functions: kernels/easel.h in Deno's words. */

export const SYMBOLS = {
  easel_abi: { parameters: [], result: "u32" },
  easel_record_sizes: { parameters: [], result: "u64" },
  easel_device_open: { parameters: ["i32", "i32", "u64", "buffer", "buffer"], result: "i32" },
  easel_device_close: { parameters: ["pointer"], result: "void" },
  easel_device_info: { parameters: ["pointer", "buffer", "i64"], result: "i64" },
  easel_error: { parameters: ["pointer"], result: "pointer" },
  easel_buffer_alloc: { parameters: ["pointer", "u64", "buffer"], result: "i32" },
  easel_buffer_free: { parameters: ["pointer", "pointer"], result: "void" },
  easel_buffer_upload: { parameters: ["pointer", "pointer", "u64", "buffer", "u64"], result: "i32" },
  easel_buffer_download: { parameters: ["pointer", "pointer", "u64", "buffer", "u64"], result: "i32" },
  easel_buffer_read_file: {
    parameters: ["pointer", "pointer", "u64", "buffer", "u64", "u64", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  easel_program_create: {
    parameters: ["pointer", "buffer", "i32", "buffer", "i32", "buffer", "i32", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  easel_program_destroy: { parameters: ["pointer", "pointer"], result: "void" },
  easel_program_run: { parameters: ["pointer", "pointer"], result: "i32", nonblocking: true },
  easel_program_memory: { parameters: ["pointer", "buffer", "buffer"], result: "void" },
  easel_program_profile: { parameters: ["pointer", "pointer", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/** EASEL_ABI of the header this table was written against. */
export const ABI_VERSION = 3;

export type Library = Deno.DynamicLibrary<typeof SYMBOLS>;
