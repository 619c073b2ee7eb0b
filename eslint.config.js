import js from '@eslint/js'
import tseslint from 'typescript-eslint'

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'coverage/',
      'demo/out/',
      'docs/.vitepress/pages/',
      'site/',
      'node_modules/',
      'src/linalg/wasm/assembly/',
      'src/linalg/wasm/generated/',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Indices run within checked bounds everywhere here; `!` says so.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // Kernels are free functions in a record; operators are called with their receiver.
      '@typescript-eslint/unbound-method': 'off',
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn'] }],
    },
  },
  { files: ['scripts/**', 'demo/**', 'bench/**'], rules: { 'no-console': 'off' } },
)
