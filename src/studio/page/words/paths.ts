import type { Words } from "./mod.ts";

export const paths = {
  browse: ["Choose in the studio's folders", "스튜디오 폴더에서 선택", "スタジオのフォルダから選ぶ"],
  chooseFile: ["Choose a file", "파일 선택", "ファイルを選ぶ"],
  chooseFolder: ["Choose a folder", "폴더 선택", "フォルダを選ぶ"],
  useFolder: ["Use this folder", "이 폴더 사용", "このフォルダを使う"],
  folders: ["The studio's folders", "스튜디오 폴더", "スタジオのフォルダ"],
  up: ["Up", "상위 폴더", "上のフォルダ"],
  nothing: [
    "Nothing of the kind lies here.",
    "여기에는 해당하는 것이 없습니다.",
    "ここには該当するものがありません。",
  ],
  more: ["And {n} more.", "그 밖에 {n}개가 더 있습니다.", "ほかに {n} 件あります。"],
  onlyThese: [
    "The page sees what lies in these folders and nothing else.",
    "이 페이지는 아래 폴더 안의 것만 볼 수 있습니다.",
    "このページが見られるのは、次のフォルダの中だけです。",
  ],
  another: ["Another folder", "폴더 추가", "フォルダを追加"],
  wholePath: [
    "Its whole path, as /home/me/pictures.",
    "전체 경로로 입력하세요. 예: /home/me/pictures",
    "/home/me/pictures のように、フルパスで指定します。",
  ],
  forget: ["Take {path} off this list", "목록에서 {path} 빼기", "{path} を一覧から外す"],
  add: ["Add", "추가", "追加"],
  addPictures: ["Add pictures", "그림 추가", "画像を追加"],
  pictures: ["Pictures from this device", "이 기기의 그림", "この端末の画像"],
  picturesHint: [
    "Captions may come along: a.txt beside a.png.",
    "캡션도 함께 올릴 수 있습니다(a.png 옆의 a.txt).",
    "キャプション(a.png に対する a.txt)も一緒に追加できます。",
  ],
  within: ["Into which folder", "넣을 폴더", "追加先のフォルダ"],
  folderName: ["Name of the new folder", "새 폴더 이름", "新しいフォルダの名前"],
  folderNameHint: [
    "REPEATS_NAME, as trainings read it: pictures in 10_cat are seen ten times an epoch.",
    "학습이 읽는 형식은 반복수_이름입니다. 10_cat의 그림은 에포크마다 10번 사용됩니다.",
    "学習が読む形式は「繰り返し数_名前」です。10_cat の画像は 1 エポックに 10 回使われます。",
  ],
  added: ["{n} files were added.", "파일 {n}개를 추가했습니다.", "{n} 個のファイルを追加しました。"],
  wereThere: [
    "{n} were there already and were left as they are: {names}",
    "이미 있어 그대로 둔 파일 {n}개: {names}",
    "既にあったためそのままにしたファイル {n} 個: {names}",
  ],
} as const satisfies Words;
