#pragma once
#include <memory>

namespace CLI {
class FormatterBase;
}

namespace kandinsky::cli {

std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace kandinsky::cli
