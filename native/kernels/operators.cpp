#include "operators.h"

#include <cstdlib>
#include <string>

namespace spurmem {

bool isFusionOff() {
  static const auto* fusion = std::getenv("SPURMEM_FUSION");
  return fusion != nullptr && std::string(fusion) == "off";
}

std::optional<c10::OperatorHandle> findOperator(const NamedOperator& wanted) {
  return isFusionOff() ? std::nullopt : operatorInLibtorch(wanted);
}

std::optional<c10::OperatorHandle> operatorInLibtorch(const NamedOperator& wanted) {
  const auto found = c10::Dispatcher::singleton().findSchema({wanted.name, wanted.overload});
  return found && found->schema().arguments().size() == wanted.arguments ? found : std::nullopt;
}

c10::IValue callOperator(const c10::OperatorHandle& operation, torch::jit::Stack arguments) {
  operation.callBoxed(arguments);
  return arguments.empty() ? c10::IValue() : arguments.back();
}

}  // namespace spurmem
