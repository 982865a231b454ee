/** The layers of VGG16's features by torchvision's numbers: a convolution and its ReLU are two, a pool is one. */
export const VGG_LAYERS: readonly ("conv" | "relu" | "pool")[] = [2, 2, 3, 3, 3].flatMap((convolutions) => [
  ...Array.from({ length: convolutions }, () => ["conv", "relu"] as const).flat(),
  "pool" as const,
]);
