// A register, the unit in which the published components count them.
module register #(
    parameter WIDTH = 16
) (
    input                  clk,
    input [WIDTH-1:0]      value,
    output reg [WIDTH-1:0] held
);
    always @(posedge clk) held <= value;
endmodule
