import type { Words } from "./mod.ts";

/** What shared parts say, and words that many views need. */
export const parts = {
  close: ["Close", "닫기", "閉じる"],
  cancel: ["Cancel", "취소", "キャンセル"],
  ok: ["OK", "확인", "OK"],
  save: ["Save", "저장", "保存"],
  remove: ["Remove", "삭제", "削除"],
  undo: ["Undo", "실행 취소", "元に戻す"],
  retry: ["Try again", "다시 시도", "再試行"],
  loading: ["Loading", "불러오는 중", "読み込み中"],
  dismiss: ["Dismiss", "알림 닫기", "通知を閉じる"],
  copied: ["Copied", "복사했습니다", "コピーしました"],
  copy: ["Copy", "복사", "コピー"],
  noServer: [
    "The server does not answer. Is easel studio still running?",
    "서버가 응답하지 않습니다. easel studio가 실행 중인지 확인하세요.",
    "サーバーが応答しません。easel studio が動いているか確認してください。",
  ],
  answered: [
    "The server answered {status}.",
    "서버가 {status}(으)로 응답했습니다.",
    "サーバーの応答は {status} でした。",
  ],
  search: ["Search", "검색", "検索"],
} as const satisfies Words;
