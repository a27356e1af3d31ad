/** Simplified Chinese. */

export const CHINESE = {
  Motion: "运动",
  Appearance: "外观",
  motion: "运动",
  appearance: "外观",
  "Cue curves": "线索曲线",
  "{cue} curve": "{cue}曲线",
  "Draw the {cue} curve": "绘制{cue}曲线",
  "Motion and appearance over the clip.": "片段中的运动和外观。",
  "curve editor": "曲线编辑器",
  "Click adds a point, drag moves it, double-click or Delete removes it.":
    "单击添加点，拖动移动点，双击或按 Delete 删除点。",
  "Shift locks the direction of a drag, Alt turns off snapping to frames.":
    "按住 Shift 锁定拖动方向，按住 Alt 不对齐到帧。",
  "Keys: arrows move the selected point, Page Up and Page Down select, Enter adds, Space switches curves, Ctrl+Z undoes.":
    "键盘：方向键移动选中的点，Page Up 和 Page Down 选择，Enter 添加，空格切换曲线，Ctrl+Z 撤销。",
  "Shape between points, presets": "点间形状与预设",
  "Undo (Ctrl+Z)": "撤销（Ctrl+Z）",
  "Redo (Ctrl+Shift+Z)": "重做（Ctrl+Shift+Z）",

  Smooth: "平滑",
  Linear: "线性",
  Step: "阶梯",
  Constant: "常数",
  "Ramp up": "渐强",
  "Ramp down": "渐弱",
  Pulse: "脉冲",
  "Ease in-out": "缓入缓出",
  Bounce: "弹跳",
  "Freeze, then go": "先静后动",
  "Trace the measured curve": "描摹实测曲线",
  "Trace the extracted curve": "描摹提取曲线",
  "Delete point": "删除点",
  measured: "实测",
  extracted: "提取",

  frame: "帧",
  time: "时间",
  "frame {frame} ({seconds} s)": "第 {frame} 帧（{seconds} 秒）",
  "{frames} frames, {seconds} s": "{frames} 帧，{seconds} 秒",
  "{percent}/frame": "每帧 {percent}",
  "{percent} of full scale per frame": "每帧变化满量程的 {percent}",
  "{cue} point {number} of {count}": "{cue}点 {number}/{count}",

  "The {cue} curve of this workflow cannot be read ({reason}). Draw a new one, or":
    "无法读取此工作流的{cue}曲线（{reason}）。请重新绘制，或者",
  "use the constant": "使用常数",
  "Delete the unreadable value": "删除无法读取的值",
  "not JSON: {text}": "不是 JSON：{text}",
  "not an object with a list of points": "不是带点列表的对象",
  "unknown entry {key}": "未知条目 {key}",
  "unknown interpolation {interpolation}": "未知插值方式 {interpolation}",
  "no points": "没有点",
  "point {index} is not a pair [x, y]": "第 {index} 个点不是 [x, y]",
  "{axis} of point {index} is not a number in 0..1: {value}": "第 {index} 个点的 {axis} 不是 0..1 之间的数：{value}",
  "x of point {index} does not rise: {value}": "第 {index} 个点的 x 没有增大：{value}",

  "Model default: {values}": "模型默认：{values}",
  "No cues are connected: those of the model, {frames} frames, motion {motion}, appearance {appearance}":
    "未连接线索，采用模型自己的：{frames} 帧，运动 {motion}，外观 {appearance}",
  "images has a single frame, so the video is a still picture. A bypassed HiGen Temporal Sampler passes on the prior alone":
    "图像只有一帧，视频是静止画面。被绕过的 HiGen 时间采样器只传递先验",
  "Saved without sound: choose {formats} for a video with sound": "已保存，但没有声音：需要声音请选择 {formats}",
  "{cue}: the number above has no effect while its curve is drawn": "{cue}：已画曲线，上方的数值不起作用",
  "{cue}: the number above has no effect while a curve is connected": "{cue}：已连接曲线，上方的数值不起作用",

  Frame: "帧",
  Play: "播放",
  Pause: "暂停",
  "Turn the sound on": "打开声音",
  "Turn the sound off": "关闭声音",
  "Previous video": "上一个视频",
  "Next video": "下一个视频",
  "frame {frame}/{last} · {seconds} s": "第 {frame}/{last} 帧 · {seconds} 秒",
  "{filename} no longer exists": "{filename} 已不存在",
};
