{
  # Builds the addon with node-gyp: npm run build:native:gyp
  'targets': [
    {
      'target_name': 'spurmem',
      'sources': ['<!@(node scripts/libtorch.mjs unity build/unity)'],
      'include_dirs': [
        'native/distributed',
        '<!@(node -p "require(\'node-addon-api\').include_dir")',
        '<!@(node scripts/libtorch.mjs include)',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NODE_ADDON_API_CPP_EXCEPTIONS',
        'NODE_ADDON_API_CPP_EXCEPTIONS_ALL',
        # A worker that is being terminated takes no exception.
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        '<!@(node scripts/libtorch.mjs defines)',
      ],
      'variables': { 'recorded': '<!(node scripts/libtorch.mjs record build/libtorch.json)' },
      # Node's own flags switch off what libtorch's headers need.
      'cflags_cc!': ['-fno-rtti', '-fno-exceptions'],
      'cflags_cc': ['-include', '<(module_root_dir)/native/oldSystems.h', '-std=gnu++<!(node scripts/libtorch.mjs standard)', '-fexceptions', '-frtti', '-fopenmp', '-fvisibility=hidden', '-Wno-unused-parameter'],
      'ldflags': ['-Wl,-z,now', '-Wl,-z,nodelete', '<!@(node scripts/libtorch.mjs ldflags)'],
      'libraries': ['<!@(node scripts/libtorch.mjs libraries)'],
    },
  ],
}
