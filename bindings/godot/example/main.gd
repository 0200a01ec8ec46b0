extends VBoxContainer

@onready var generator: KandinskyGenerator = $KandinskyGenerator


func _ready() -> void:
	generator.progress.connect(func(fraction: float) -> void: $Bar.value = fraction)
	generator.preview.connect(func(texture: ImageTexture) -> void: $Picture.texture = texture)
	generator.finished.connect(_on_finished)
	generator.failed.connect(_on_failed)
	generator.cancelled.connect(_on_failed.bind("stopped"))
	$Draw.pressed.connect(_on_draw)


func _on_draw() -> void:
	if generator.is_generating():
		generator.cancel()
		return
	$Message.text = ""
	generator.prompt = $Prompt.text
	generator.generate()
	$Draw.text = "Stop"


func _on_finished(textures: Array) -> void:
	$Picture.texture = textures[0]
	textures[0].get_image().save_png("user://picture.png")
	_on_failed("saved as " + ProjectSettings.globalize_path("user://picture.png"))


func _on_failed(message: String) -> void:
	$Message.text = message
	$Draw.text = "Draw"
