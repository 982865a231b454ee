import type { Words } from "./mod.ts";

export const frame = {
  dataset: ["Dataset", "데이터셋", "データセット"],
  new: ["New job", "새 작업", "新しいジョブ"],
  queue: ["Queue", "대기열", "キュー"],
  runs: ["Runs", "학습 기록", "学習記録"],
  draw: ["Draw", "그리기", "画像生成"],
  files: ["Files", "파일", "ファイル"],
  views: ["Views", "화면", "画面"],
  skip: ["Skip to the content", "본문으로 건너뛰기", "本文へ移動"],
  language: ["Language", "언어", "言語"],
  dark: ["Dark colours", "어두운 화면", "暗い配色"],
  light: ["Light colours", "밝은 화면", "明るい配色"],
} as const satisfies Words;
